"""
Where the REST API of WSO2's publisher is, which Holdfast answers, shows, and calls.
"""

PREFIX = "/api/am/publisher/v4"
