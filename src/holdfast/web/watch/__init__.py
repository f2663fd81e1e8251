"""
Pages about what backends present and about what expires.
"""
