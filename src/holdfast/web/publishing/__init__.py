"""
The live enforcement status on pages.
"""
