"""
REST operations on notifications: channels, what was sent, silences and owners.
"""
