"""
Where conditions and notifications come from: what is stored, and what gateways report.
"""
