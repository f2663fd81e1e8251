"""
Holdfast: an API publisher and gateway that verifies every backend's certificate.
"""
