"""
How the help of a command ends: with examples, and with what its exit codes mean.
"""

from collections.abc import Collection

from holdfast.cli.exit_codes import CLIENT, ExitCode, describe_codes


def ending(*examples: str, codes: Collection[ExitCode] = CLIENT) -> str:
    """Write *examples*, each a line, and *codes*; Click keeps the lines of a paragraph that begins with \\b."""
    lines = "".join(f"\n  {example}" for example in examples)
    return f"\b\nExamples:{lines}\n\n{describe_codes(*codes)}"
