"""
The publisher's HTTP server: its connections, and strict reading of requests.
"""
