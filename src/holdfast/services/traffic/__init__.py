"""
Traffic of APIs: storing what gateways count, and reading it.
"""
