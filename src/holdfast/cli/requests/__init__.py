"""
Asking the publisher over REST.
"""
