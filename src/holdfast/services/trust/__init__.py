"""
Use cases about what is trusted for an endpoint: endpoint certificates and trust settings.
"""
