"""
Pure knowledge of X.509: bytes and values in, values out; no I/O and no clock.
"""
