"""
Use cases about APIs: create, change, copy, publish, delete.
"""
