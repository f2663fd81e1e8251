"""
The password of the first user, and single sign-on, as the settings configure them.
"""
