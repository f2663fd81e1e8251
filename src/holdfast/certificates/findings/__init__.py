"""
What is noticed about certificates, a module for each topic; what the gateway does was measured on Envoy 1.40.
"""
