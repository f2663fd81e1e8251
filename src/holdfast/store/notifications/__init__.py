"""
Queries for notifications: channels, conditions, the outbox, silences and owners.
"""
