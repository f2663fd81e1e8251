"""
Traffic that gateways have reported.
"""
