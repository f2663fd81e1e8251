"""
Requests to the publisher over REST.
"""
