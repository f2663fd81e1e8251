"""
The command about what needs attention.
"""
