"""
The server process: settings, HTTP, TLS, middleware, and the composition of all components.
"""
