"""
xDS: current resources, the versions that each gateway has acknowledged, and the incremental stream.
"""
