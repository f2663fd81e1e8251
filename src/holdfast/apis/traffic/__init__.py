"""
Traffic of APIs: measures, latencies and periods.
"""
