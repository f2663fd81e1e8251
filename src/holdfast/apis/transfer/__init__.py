"""
APIs as archives, exported and imported.
"""
