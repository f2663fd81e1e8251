"""
The path of the WSO2 publisher's REST API, which Holdfast serves, documents and calls.
"""

PREFIX = "/api/am/publisher/v4"
