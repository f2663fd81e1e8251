"""
The presence of this process among the control planes of its database.
"""
