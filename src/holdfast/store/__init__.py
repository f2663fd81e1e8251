"""
The database: tables, transactions, and a module of queries for each noun. Every query is bound to an organization.
"""
