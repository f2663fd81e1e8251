"""
From the database to the gateways: snapshots, distribution and enforcement.
"""
