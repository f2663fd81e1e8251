"""
APIs: names and contexts, endpoints and their connections, the lifecycle, the rest of their description.
"""
