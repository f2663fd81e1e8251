"""
Network access: addresses, sockets, and the certificates that a backend presents.
"""
