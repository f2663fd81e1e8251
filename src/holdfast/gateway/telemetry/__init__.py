"""
Access logs and traces of the requests that a gateway serves.
"""
