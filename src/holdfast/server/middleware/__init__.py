"""
Middleware for REST and pages: limits, health checks, headers, cookies and request IDs.
"""
