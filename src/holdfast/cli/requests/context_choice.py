"""
The context that --context chose for this command.
"""

from contextvars import ContextVar

context_choice: ContextVar[str] = ContextVar("context_choice", default="")  # empty: none
