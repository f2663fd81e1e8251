"""
The process: settings, HTTP and TLS, middleware, and the composition of all parts.
"""
