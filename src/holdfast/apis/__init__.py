"""
APIs, endpoints, origins and the lifecycle as pure functions, without I/O or a clock.
"""
