"""
X.509 as pure functions: bytes and values in, values out, without I/O or a clock.
"""
