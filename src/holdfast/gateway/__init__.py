"""
Envoy: its resources, the stream that delivers them, and the process itself.
"""
