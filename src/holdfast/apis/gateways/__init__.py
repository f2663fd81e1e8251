"""
Gateways and their groups: names and rules.
"""
