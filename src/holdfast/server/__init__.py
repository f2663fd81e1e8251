"""
The process: settings, HTTP and TLS, what each request passes, and how all parts are put together.
"""
