"""
xDS resources: pure functions from APIs and trust sets to listeners, routes, clusters and secrets.
"""
