"""
The gateway on this machine, and what gateways on other machines connect to.
"""
