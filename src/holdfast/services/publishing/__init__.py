"""
From the database to the gateways: snapshots, their distribution, and what is enforced.
"""
