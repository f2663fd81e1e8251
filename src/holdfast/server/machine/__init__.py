"""
The machine: directories, addresses, open files, and supported platforms.
"""
