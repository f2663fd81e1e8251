"""
The search page and the search dialog.
"""
