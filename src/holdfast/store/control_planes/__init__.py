"""
Queries for control planes and their leases.
"""
