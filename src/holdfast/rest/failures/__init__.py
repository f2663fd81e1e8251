"""
REST operations on failed requests.
"""
