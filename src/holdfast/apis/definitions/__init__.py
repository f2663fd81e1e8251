"""
OpenAPI definitions: reading YAML and JSON within bounds, and what is wrong with a definition.
"""
