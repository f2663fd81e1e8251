"""
Use cases about all endpoint certificates of an organization.
"""
