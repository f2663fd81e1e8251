"""
What gateways enforce, live on every page.
"""
