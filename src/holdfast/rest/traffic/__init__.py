"""
Traffic of APIs.
"""
