"""
The context from the option --context.
"""

from contextvars import ContextVar

context_choice: ContextVar[str] = ContextVar("context_choice", default="")  # empty: none
