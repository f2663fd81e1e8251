"""
The control stream: what the control plane asks of a gateway, and what gateways report, next to xDS.
"""
