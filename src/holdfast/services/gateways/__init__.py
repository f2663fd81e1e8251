"""
Use cases about gateways: enrolling, joining, renewing, revoking, and who may connect.
"""
