"""
Pages that probe backends.
"""
