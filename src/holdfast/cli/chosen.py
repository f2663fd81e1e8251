"""
The context that --context chose for this command.
"""

from contextvars import ContextVar

chosen: ContextVar[str] = ContextVar("chosen", default="")  # empty: none
