"""
The rows of APIs, their documents, and the protocol that their backends speak.
"""
