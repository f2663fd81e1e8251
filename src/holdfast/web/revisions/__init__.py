"""
The page for revisions of an API, and where they are deployed.
"""
