"""
Who has which resources: the cache, and the incremental stream that carries them.
"""
