"""
Items that need attention in an organization, most urgent first.
"""
