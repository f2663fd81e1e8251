"""
The hash chain of the audit log: pure, so that the server and the command line verify it with the same code.
"""
