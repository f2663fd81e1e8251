"""
Failed requests: remembering, examining and explaining them.
"""
