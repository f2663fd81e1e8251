"""
The use cases, one verb per function. Both doors, REST and pages, call these and nothing below.
"""
