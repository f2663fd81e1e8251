"""
Groups of gateways. In WSO2's terms, a group is a gateway environment.
"""

DEFAULT_GROUP = "Default"  # exists in every installation
