"""
The traffic of an Envoy, from its counters to the parts that the agent reports.
"""
