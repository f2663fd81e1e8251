"""
Watching what backends present over time, and the timeline of everything that expires.
"""
