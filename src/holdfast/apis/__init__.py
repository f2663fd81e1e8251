"""
Pure knowledge of APIs: endpoints, origins, the lifecycle; no I/O and no clock.
"""
