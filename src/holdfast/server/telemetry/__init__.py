"""
Traces, metrics and logs that the publisher sends to an OpenTelemetry collector; loaded only if one is set.
"""
