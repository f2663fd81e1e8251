"""
Notifications: what happened, who should know it, and sending it.
"""
