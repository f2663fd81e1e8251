"""
The health of backends as a gateway's Envoy sees it: which members of groups get no requests, since when and why.
"""
