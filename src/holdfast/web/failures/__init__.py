"""
Pages about failed requests.
"""
