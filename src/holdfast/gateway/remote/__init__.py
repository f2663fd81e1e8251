"""
The connection between a publisher and gateways on other machines: mutual TLS, and who is let in.
"""
