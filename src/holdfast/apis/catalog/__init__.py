"""
APIs: names and contexts, endpoints and their connections, the lifecycle, and other members of the description.
"""
