"""
The error of a message that isn't delivered.
"""


class NotDelivered(Exception):
    """
    A message wasn't delivered; the text is a sentence that says why.

    *pause* are the seconds that the receiver asked to wait, 0 if it didn't; *rejected*: it will never take this one.
    """

    def __init__(self, why: str, *, pause: float = 0.0, rejected: bool = False) -> None:
        self.pause = pause
        self.rejected = rejected
        super().__init__(why)


def explain_unverified(where: str, problem: str) -> str:
    """Return why the certificate of the receiver *where* was rejected, and what to do about it."""
    return (
        f"The certificate of {where} can't be verified: {problem}. If a private CA issued it, set "
        "HOLDFAST_NOTIFICATION_CA_FILE."
    )
