"""
Use cases that export and import APIs.
"""
