"""
Queries for APIs, their documents, and the origins that need HTTP/1.1.
"""
