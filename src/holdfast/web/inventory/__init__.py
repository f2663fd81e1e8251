"""
Pages about all endpoint certificates of an organization.
"""
