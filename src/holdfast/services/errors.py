"""
Errors of use cases, raised before anything is changed. The messages are for users; REST and pages choose status codes.
"""

from collections.abc import Sequence

from holdfast.apis.wso2_wording import MAX_REVISIONS_REACHED, MUTUAL_SSL_UNSUPPORTED
from holdfast.refusals import Refusal, TryLater


class NotFound(LookupError):
    """The organization has no *kind* called *name*."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"No {kind} {name!r} exists in this organization.")


class NoPersonalToken(LookupError):
    """A request about its own personal token doesn't carry one."""

    def __init__(self) -> None:
        super().__init__("The request has no personal token. Send one as Authorization: Bearer.")


class Conflict(Refusal):
    """The value of *field* conflicts with what is stored: it is taken, or a limit is reached."""

    field: str

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class AlreadyExists(Conflict):
    """The value of *field*, such as a name or an alias, is taken by another object."""


class ContentChanged(RuntimeError):
    """The content that the user wants to change was changed after they read it; *tag* is its current entity tag."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        super().__init__("This was changed after you read it. Read it again, then repeat your change.")


class MutualTlsMissing(Refusal):
    """An API would require caller certificates, but no gateway requests them."""

    def __init__(self) -> None:
        super().__init__(
            f"{MUTUAL_SSL_UNSUPPORTED}: its gateways serve only http, so "
            "callers can't present a certificate. Nothing was saved. Start Holdfast with --gateway-tls, "
            "--gateway-tls-cert and --gateway-tls-key."
        )


class TooManyRevisions(Refusal):
    """An API has reached the limit of revisions."""

    def __init__(self, api: str, limit: int) -> None:
        self.limit = limit
        super().__init__(
            f"{MAX_REVISIONS_REACHED}: {api} has {limit} revisions. Delete one that isn't deployed, then try again."
        )


class OldControlPlanes(Refusal):
    """
    Control planes of an earlier version run, which don't know what the change needs.

    *problem* says what can't be done, and *effect* what they would do, such as "it would ignore them".
    """

    def __init__(self, names: Sequence[str], problem: str, effect: str) -> None:
        self.names = tuple(names)
        super().__init__(
            f"{problem} while a control plane of an earlier version runs: {effect}. Upgrade {', '.join(names)} first."
        )


class TooManyCallers(Refusal):
    """An API has reached the limit of caller certificates."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"The API already has {limit} client certificates, which is the limit. Delete one first.")


class CertificateExpired(Refusal):
    """All certificates of an upload have expired."""

    field = "certificate"


class IndistinguishableCertificates(Refusal):
    """
    A gateway would accept only one of two certificates for an origin.

    *alias* holds the other one; empty: the file does. With *overlap*, they are the current and the previous
    certificate of *alias*.
    """

    field = "certificate"

    def __init__(self, subject: str, alias: str, *, overlap: bool = False) -> None:
        self.subject = subject
        self.alias = alias
        self.overlap = overlap
        where = f"{alias} already has a certificate" if alias else "The file contains two certificates"
        remedy = (
            f"Replace the certificate of {alias} instead" if alias else "Import only the one that the backend presents"
        )
        if overlap:
            remedy = "Replace it without keeping the old one, at the moment the backend switches"
        super().__init__(
            f"{where} with the subject {subject} and no key identifier to tell them apart, so a gateway would accept "
            f"only one of them. {remedy}, or issue certificates with subject and authority key identifiers."
        )


class NothingBefore(Refusal):
    """*alias* has no previous certificates: none to retire, or, with *undo*, none to go back to."""

    def __init__(self, alias: str, *, undo: bool) -> None:
        self.alias = alias
        self.undo = undo
        super().__init__(
            f"The certificate of {alias} was not replaced in the last 30 days, so there is nothing to go back to."
            if undo
            else f"{alias} has no previous certificate that is still trusted, so there is nothing to retire."
        )


class EndpointNeedsNoCertificate(Refusal):
    """A certificate or trust setting was sent for an endpoint that doesn't use TLS."""

    field = "endpoint"

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        super().__init__(
            f"{endpoint} is an http endpoint: its backend doesn't present a certificate, so there is nothing to trust. "
            "Change the endpoint to https first."
        )


class TooManyTests(TryLater):
    """The queue of backend tests is full."""

    seconds = 5

    def __init__(self) -> None:
        super().__init__(f"Too many backends are being tested. Try again in {self.seconds} seconds.")


class ControlPlaneSilent(TryLater):
    """A control plane that may know a failed request doesn't answer."""

    seconds = 2

    def __init__(self) -> None:
        super().__init__("A control plane that may know this request didn't answer in time. Try again.")


class NotPermitted(PermissionError):
    """The user is signed in but lacks *permission*."""

    def __init__(self, permission: str) -> None:
        self.permission = permission
        super().__init__(f"You need the permission {str(permission)!r} for this. Ask an administrator.")


class ScopeMissing(NotPermitted):
    """The user has *permission*, but their token doesn't; any one of *scopes* would be enough, if there are any."""

    def __init__(self, permission: str, scopes: Sequence[str]) -> None:
        self.permission = permission
        self.scopes = tuple(scopes)
        remedy = (
            f"Use one with the scope {' or '.join(scopes)}." if scopes else "No token can do this: sign in instead."
        )
        PermissionError.__init__(self, f"The scopes of this token don't allow this. {remedy}")


class CredentialsMissing(PermissionError):
    """The request has no credentials."""

    def __init__(self) -> None:
        super().__init__("You aren't signed in. Send a user name and password, or a token.")


class TokenRefused(PermissionError):
    """The token isn't valid; the message doesn't say why, so that it reveals nothing about tokens."""

    def __init__(self) -> None:
        super().__init__("The token is unknown, expired or revoked.")


class JoinRefused(PermissionError):
    """A join token or enrollment key isn't valid; the message doesn't say why, so that it reveals nothing."""

    def __init__(self) -> None:
        super().__init__(
            "The join token is unknown, expired or used. Create another one with `holdfast gateway enroll NAME`."
        )


class NoDiscovery(Refusal):
    """A machine wants to join, but the publisher doesn't accept gateways from other machines."""

    def __init__(self) -> None:
        super().__init__(
            "This publisher doesn't accept gateways from other machines. Start it with --discovery HOST:PORT. The "
            "token wasn't used up."
        )


class RenewalRefused(PermissionError):
    """The certificate of a gateway that asks for another one is expired, replaced or revoked."""

    def __init__(self) -> None:
        super().__init__("The gateway's certificate is no longer accepted. Join again with a new join token.")


class RenewedJustNow(TryLater):
    """A gateway got a certificate less than *seconds* ago."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"The gateway got a certificate less than {seconds} seconds ago. Use that one.")


class SignInRefused(PermissionError):
    """The user name or password is wrong."""

    def __init__(self) -> None:
        super().__init__("The user name or password is wrong.")


class ProviderSignInRefused(PermissionError):
    """A sign-in through the identity provider failed; the message is for the person who tried."""


class TooManyAttempts(TryLater):
    """Too many attempts failed; the next one is possible in *seconds*."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"Too many failed attempts. Try again in {seconds} seconds.")
