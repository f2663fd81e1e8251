"""
The use cases, one function each. REST and pages call these and no lower layer.
"""
