"""
What the gateway reports about failed requests, and what caused them.
"""
