"""
xDS resources: pure functions that build listeners, routes, clusters and secrets from APIs and trust sets.
"""
