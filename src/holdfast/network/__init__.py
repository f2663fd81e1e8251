"""
Connections to the outside: addresses, sockets, and what a backend presents in a handshake.
"""
