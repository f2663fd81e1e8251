"""
The server process: settings, and the composition of all components.
"""
