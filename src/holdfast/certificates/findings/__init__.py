"""
Findings about certificates, a module for each topic; all measurements use Envoy 1.40.
"""
