"""
Envoy's language: resources, who has which of them, the stream that carries them, and the process itself.
"""
