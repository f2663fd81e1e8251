"""
Pages about APIs, endpoints and the lifecycle.
"""
