"""
Use cases about gateways: their groups, enrolling, joining, renewing, revoking, and who may connect.
"""
