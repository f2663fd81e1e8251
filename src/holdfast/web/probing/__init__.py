"""
The pages that probe backends.
"""
