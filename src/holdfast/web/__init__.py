"""
The HTML door: pages for people, made on the server; htmx makes them smoother, nothing but drop and live needs it.
"""

from fastapi import FastAPI


def install(app: FastAPI) -> None:
    """Put this door into *app*."""
