"""
Findings about certificates and CRLs, one module per topic. All measurements use Envoy 1.40.
"""
