"""
Rules for watched endpoints: what a backend presents over time, and whether it is trusted.
"""
