"""
The database: tables, transactions, and one module of queries per noun. Every query is bound to an organization.
"""
