"""
Queries for gateways, their certificates, join tokens and CA.
"""
