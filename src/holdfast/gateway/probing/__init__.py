"""
Probes of backends through Envoy.
"""
