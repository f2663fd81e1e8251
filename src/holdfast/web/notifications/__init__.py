"""
Pages on notifications: channels, what was sent, silences and owners.
"""
