"""
Pages about what needs attention.
"""
