"""
The certificates that the publisher and the gateways present.
"""
