"""
The Envoy process: starting it, keeping it running, draining it.
"""
