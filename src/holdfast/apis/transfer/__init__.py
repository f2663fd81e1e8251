"""
Export and import of APIs as archives.
"""
