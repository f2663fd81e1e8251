"""
The Envoy process: start, supervision, draining.
"""
