"""
Commands for notifications.
"""
