"""
Charts and tables of traffic.
"""
