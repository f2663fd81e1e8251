"""
The desired state of an organization, in YAML files: `apply`, `diff` and `export`.
"""
