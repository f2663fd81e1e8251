"""
Queries for watched endpoints and the chains that their backends presented.
"""
