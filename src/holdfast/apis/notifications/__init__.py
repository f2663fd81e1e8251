"""
Notifications as values: events, channels, silences, owners, and the messages that channels receive.
"""
