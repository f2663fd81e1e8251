"""
Credentials that gateways sign in to backends with: sealing what users enter, and opening it for the gateways.
"""
