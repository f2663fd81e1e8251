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
    "lifecycle-created": "API {name} demoted to Created",
    "lifecycle-published": "API {name} published",
    "lifecycle-deprecated": "API {name} deprecated",
    "lifecycle-retired": "API {name} retired",
    "certificate-added": "Certificate {name} added",
    "certificate-replaced": "Certificate {name} replaced",
    "certificate-deleted": "Certificate {name} deleted",
    "certificate-undone": "Replacement of certificate {name} undone",
    "certificate-retired": "Previous certificate of {name} retired",
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
    "token-revoked": "Token {name} revoked",
    "gateway-revoked": "Gateway {name} revoked",
    "user-created": "User {name} created",
    "user-changed": "User {name} changed",
    "user-password": "Password of {name} reset. The user was signed out and their tokens were revoked.",
    "user-deleted": "User {name} deleted",
}
NOTICE_COOKIE = "holdfast_notice"
_LASTS = 60  # seconds until the browser has followed the redirect


def describe(done: str, name: str) -> str:
    """Write the message about *done*, a key of NOTICES."""
    return NOTICES[done].format(name=name)


def redirect(request: Request, path: str, done: str, name: str = "", **query: list[str]) -> RedirectResponse:
    """Send the browser to *path*, where the page shows what was *done* to the object called *name*."""
    response = RedirectResponse(f"{path}?{urlencode({'done': done} | query, doseq=True)}", 303)
    secure = request.url.scheme == "https"
    value = quote(f"{done}:{name}", safe="")
    response.set_cookie(NOTICE_COOKIE, value, max_age=_LASTS, httponly=True, samesite="lax", secure=secure)
    return response


def read_notice(request: Request) -> str | None:
    """Write the message that this page shows; None if there is none, or if it was shown before."""
    done, _, name = unquote(request.cookies.get(NOTICE_COOKIE, "")).partition(":")
    if done not in NOTICES or done != request.query_params.get("done"):
        return None
    return describe(done, name)


def forget_notice(response: Response) -> None:
    """Delete the cookie, so that the message isn't shown again."""
    response.delete_cookie(NOTICE_COOKIE, httponly=True, samesite="lax")
