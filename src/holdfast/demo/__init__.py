"""
The demonstration: a backend that no authority vouches for, and the two ways to see what Holdfast makes of it.
"""
