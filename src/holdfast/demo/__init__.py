"""
The demo: a backend with a self-signed certificate, for `holdfast up --demo` and `holdfast demo`.
"""
