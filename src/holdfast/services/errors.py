"""
Why a use case ended without doing anything. The texts are for people; the doors choose status codes.
"""

from collections.abc import Sequence
from datetime import datetime

from holdfast.refusals import Refusal, TryLater


class NotFound(LookupError):
    """There is no *kind* called *name* in this organization."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"There is no {kind} {name!r} here.")


class NoPersonalToken(LookupError):
    """A request speaks of the personal token that it bears, and bears none."""

    def __init__(self) -> None:
        super().__init__("The request bears no personal token. Send one as Authorization: Bearer.")


class Conflict(Refusal):
    """The value of *field* is taken."""

    field: str

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class ContentChanged(RuntimeError):
    """What was to be changed is no longer what the caller has seen."""

    def __init__(self) -> None:
        super().__init__("It was changed since you read it. Read it again, then change it.")


class MutualTlsMissing(Refusal):
    """Certificates of callers are to be checked, and no gateway asks for any."""

    def __init__(self) -> None:
        super().__init__(
            "The server is not configured to support mutual SSL authentication: its gateways speak http alone, so "
            "nobody could present a certificate. Nothing was stored. Start Holdfast with --gateway-tls, "
            "--gateway-tls-cert and --gateway-tls-key."
        )


class TooManyCallers(Refusal):
    """An API has as many certificates of callers as it can have."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"The API has {limit} client certificates, and no more are possible. Delete one first.")


class CertificateExpired(Refusal):
    """The only certificate of an upload has expired, so *refused_by* would refuse it."""

    field = "certificate"

    def __init__(self, not_after: datetime, refused_by: str = "every gateway") -> None:
        self.not_after = not_after
        super().__init__(
            f"The certificate expired on {not_after:%Y-%m-%d %H:%M} UTC, so {refused_by} would refuse it. "
            "Import the certificate that replaced it."
        )


class IndistinguishableCertificates(Refusal):
    """
    Of two certificates for one origin a gateway would believe only one; *alias* holds the other, empty: the file.

    With *overlap*, they are the current and the previous certificates of *alias*.
    """

    field = "certificate"

    def __init__(self, subject: str, alias: str, *, overlap: bool = False) -> None:
        self.subject = subject
        self.alias = alias
        self.overlap = overlap
        where = f"{alias} holds another certificate" if alias else "The file holds two certificates"
        remedy = f"Replace the certificate of {alias} instead" if alias else "Import the one that the backend presents"
        if overlap:
            remedy = "Replace without overlap, at the moment the backend changes"
        super().__init__(
            f"{where} with the subject {subject}, and no key identifiers tell them apart: a gateway would believe only "
            f"one of them. {remedy}, or make certificates with subject and authority key identifiers."
        )


class NothingBefore(Refusal):
    """There are no certificates before those of *alias*: none to retire, or, for *undo*, none to go back to."""

    def __init__(self, alias: str, *, undo: bool) -> None:
        self.alias = alias
        self.undo = undo
        super().__init__(
            f"The certificate of {alias} was not replaced in the last 30 days, so there is nothing to go back to."
            if undo
            else f"No previous certificate of {alias} is trusted any longer, so there is nothing to retire."
        )


class EndpointNeedsNoCertificate(Refusal):
    """A certificate was meant for an endpoint that is not reached with TLS."""

    field = "endpoint"

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        super().__init__(
            f"{endpoint} is an http endpoint: its backend shows no certificate, so none can be trusted for it. "
            "Change the endpoint to https first."
        )


class TooManyTests(TryLater):
    """So many backends are being tested that there is no place left to wait."""

    seconds = 5

    def __init__(self) -> None:
        super().__init__(f"Too many backends are being tested. Try again in {self.seconds} seconds.")


class NotPermitted(PermissionError):
    """The user has signed in, and lacks *permission*."""

    def __init__(self, permission: str) -> None:
        self.permission = permission
        super().__init__(f"You need the permission {str(permission)!r} for this. Ask who manages users.")


class ScopeMissing(NotPermitted):
    """The user may, and a token of theirs was shown that may not; any of *scopes* would permit it, if there are any."""

    def __init__(self, permission: str, scopes: Sequence[str]) -> None:
        self.permission = permission
        self.scopes = tuple(scopes)
        remedy = f"Use one with the scope {' or '.join(scopes)}." if scopes else "Nor does any other: sign in yourself."
        PermissionError.__init__(self, f"The scopes of this token do not permit it. {remedy}")


class CredentialsMissing(PermissionError):
    """Nobody said who they are."""

    def __init__(self) -> None:
        super().__init__("Nobody has signed in. Send a user name and password, or a token.")


class TokenRefused(PermissionError):
    """A token was shown that opens nothing; why, is not told."""

    def __init__(self) -> None:
        super().__init__("The token is unknown, or it has expired or was revoked.")


class SignInRefused(PermissionError):
    """User name and password do not belong together."""

    def __init__(self) -> None:
        super().__init__("The user name or the password is wrong.")


class ProviderSignInRefused(PermissionError):
    """Somebody who came by way of the identity provider does not get in; the text is for them."""


class TooManyAttempts(TryLater):
    """After failed attempts, the next one is possible in *seconds*."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"Too many failed attempts. Try again in {seconds} seconds.")
