"""
Options, output and completion: what all commands share.
"""
