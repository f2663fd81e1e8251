"""
The message that the next page shows once after a change, such as "API Orders 1.0.0 created".

The address says what was done (`?done=api-created`); a cookie names the object and is deleted when the message is
shown. So reloading or sharing the address shows no message, and no link can put words on a page.
"""

from urllib.parse import quote, unquote, urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

# By the value of `done`; {name} is the name of the object.
NOTICES = {
    "api-created": "API {name} created",
    "api-deleted": "API {name} deleted",
    "api-deleted-unused": "API {name} deleted. Its certificates stay trusted, but no API uses them.",
    "api-deleted-with-trust": "API {name} and its certificates deleted",
    "unused-deleted": "Unused certificates of {name} deleted",
    "environments-saved": "Environments of {name} saved",
    "endpoints-saved": "Endpoints of {name} saved",
    "examples-chosen": "{name} set to answer with examples",
    "endpoints-chosen": "{name} set to forward requests to its endpoints",
    "description-saved": "Description of {name} saved",
    "rules-saved": "Request rules of {name} saved",
    "definition-saved": "Definition of {name} replaced",
    "failure-acknowledged": "Failures of {name} acknowledged",
    "failure-reopened": "Acknowledgement of {name} withdrawn",
    "caller-added": "Caller certificate {name} added",
    "caller-replaced": "Caller certificate {name} replaced",
    "caller-deleted": "Caller certificate {name} deleted",
    "callers-open": "{name} no longer requires a caller certificate",
    "lifecycle-created": "API {name} demoted to Created",
    "lifecycle-prototyped": "API {name} deployed as a prototype",
    "lifecycle-published": "API {name} published",
    "lifecycle-blocked": "API {name} blocked",
    "lifecycle-deprecated": "API {name} deprecated",
    "lifecycle-retired": "API {name} retired",
    "revision-created": "{name} created",
    "revision-deployed": "Deployed to {name}",
    "revision-undeployed": "Undeployed from {name}",
    "revision-restored": "Working copy replaced with {name}",
    "revision-deleted": "{name} deleted",
    "certificate-added": "Certificate {name} added",
    "certificate-replaced": "Certificate {name} replaced",
    "certificate-deleted": "Certificate {name} deleted",
    "certificate-pinned": "Certificate {name} pinned",
    "certificate-unpinned": "Certificate {name} unpinned",
    "certificate-undone": "Replacement of certificate {name} undone",
    "certificate-retired": "Previous certificate of {name} retired",
    "certificates-deleted": "{name} deleted. You can restore certificates for 30 days.",
    "certificates-replaced": "{name} replaced",
    "view-saved": "View {name} saved",
    "view-deleted": "View {name} deleted",
    "certificate-restored": "Certificate {name} restored",
    "trust-saved": "Trust settings of {name} saved",
    "exception-granted": "Verification turned off for {name}",
    "exception-ended": "Verification turned on for {name}",
    "client-certificate-imported": "Gateway identity for {name} imported",
    "client-certificate-removed": "Gateway identity for {name} removed",
    "client-request-made": "Signing request for {name} created. Send it to your CA.",
    "client-request-discarded": "Signing request for {name} discarded",
    "password-changed": "Password of {name} changed. All other browsers were signed out.",
    "session-ended": "Session signed out",
    "sessions-ended": "All other browsers were signed out",
    "token-revoked": "Token {name} revoked",
    "feed-revoked": "Calendar feed of {name} revoked",
    "channel-created": "Channel {name} added. Send a test to check it.",
    "channel-changed": "Channel {name} saved",
    "channel-tested": "The receiver of {name} took the test message",
    "channel-test-failed": "The test message to {name} was not delivered",
    "channel-deleted": "Channel {name} deleted",
    "silence-created": "Silence created",
    "silence-ended": "Silence ended",
    "owners-saved": "Owners of {name} saved",
    "gateway-revoked": "Gateway {name} revoked",
    "group-created": "Group {name} created",
    "group-changed": "Group {name} saved",
    "group-deleted": "Group {name} deleted",
    "user-created": "User {name} created",
    "user-changed": "User {name} changed",
    "user-password": "Password of {name} reset. The user was signed out and their tokens were revoked.",
    "user-deleted": "User {name} deleted",
}
NOTICE_COOKIE = "holdfast_notice"
_LASTS = 60  # seconds until the browser has followed the redirect


def describe(notice: str, name: str) -> str:
    """Write the message about *notice*, a key of NOTICES."""
    return NOTICES[notice].format(name=name)


def redirect(request: Request, path: str, notice: str, name: str = "", **query: list[str]) -> Response:
    """Send the browser to *path*, where the page shows the *notice* about the object *name*."""
    address = f"{path}?{urlencode({'done': notice} | query, doseq=True)}"
    if request.headers.get("hx-request") == "true":  # for htmx, a redirect would only replace a part of the page
        response = Response(status_code=204, headers={"HX-Redirect": address})
    else:
        response = RedirectResponse(address, 303)
    secure = request.url.scheme == "https"
    value = quote(f"{notice}:{name}", safe="")
    response.set_cookie(NOTICE_COOKIE, value, max_age=_LASTS, httponly=True, samesite="lax", secure=secure)
    return response


def read_notice(request: Request) -> str | None:
    """Write the message that this page shows; None if there is none, or if it was shown before."""
    notice, _, name = unquote(request.cookies.get(NOTICE_COOKIE, "")).partition(":")
    if notice not in NOTICES or notice != request.query_params.get("done"):
        return None
    return describe(notice, name)


def forget_notice(response: Response) -> None:
    """Delete the cookie, so that the message isn't shown again."""
    response.delete_cookie(NOTICE_COOKIE, httponly=True, samesite="lax")
