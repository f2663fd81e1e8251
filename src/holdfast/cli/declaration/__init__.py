"""
What an organization wants, written in YAML: read, compared with what there is, applied, exported.
"""
