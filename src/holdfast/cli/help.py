"""
How the help of a command ends: with examples, and with what its exit codes mean.
"""

_CODES = "2 wrong usage, 3 the publisher cannot be reached, 4 not signed in."
EXIT_CODES = f"Exit codes: 0 done, 1 refused or failed, {_CODES}"
OF_TESTS = f"Exit codes: 0 a gateway would accept it, 1 it would not, or it cannot be told, {_CODES}"
OF_DIFF = (
    "Exit codes: 0 nothing would change, 2 something would, 1 failed, or a file is wrong, "
    "3 the publisher cannot be reached, 4 not signed in."
)
OF_INSPECTING = "Exit codes: 0 nothing speaks against it, 1 a gateway would refuse it, or no file, 2 wrong usage."
OF_SERVERS = "Exit codes: 0 done, 1 failed, 2 wrong usage."


def ending(*examples: str, codes: str = EXIT_CODES) -> str:
    """Write *examples*, each a line, and *codes*; Click keeps the lines of a paragraph that begins with \\b."""
    lines = "".join(f"\n  {example}" for example in examples)
    return f"\b\nExamples:{lines}\n\n{codes}"
