"""
OpenAPI definitions: bounded reading of YAML and JSON, and validation.
"""
