"""
Options, output and help that all commands share.
"""
