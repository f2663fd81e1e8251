"""
Queries for gateways, their groups, certificates, join tokens and CA.
"""
