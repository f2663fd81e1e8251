"""
From the database to the gateways: snapshots, their distribution and their enforcement.
"""
