"""
`WWW-Authenticate` in responses to requests that weren't authenticated (RFC 9110, section 11.6.1; RFC 6750, section 3).
"""

from fastapi import Request

from holdfast.services.errors import CredentialsMissing, ScopeMissing, SignInRefused, TokenRefused

BASIC = 'Basic realm="Holdfast", charset="UTF-8"'
BEARER = 'Bearer realm="Holdfast"'


def list_challenges(request: Request, error: Exception) -> list[str]:
    """Return the values of `WWW-Authenticate` for *error*, one for each scheme that would help."""
    match error:
        case CredentialsMissing():
            values = [BASIC, BEARER]
        case SignInRefused():
            values = [BASIC]
        case TokenRefused():
            values = [f'{BEARER}, error="invalid_token", error_description="{error}"']
        case ScopeMissing(scopes=scopes):
            scope = f', scope="{" ".join(scopes)}"' if scopes else ""
            values = [f'{BEARER}, error="insufficient_scope"{scope}']
        case _:
            return []
    # On "Basic", a browser would open its own password prompt above the page whose script sent the request.
    return [value for value in values if value != BASIC] or [BEARER] if _is_called_by_a_page(request) else values


def _is_called_by_a_page(request: Request) -> bool:
    headers = request.headers
    return headers.get("sec-fetch-site") == "same-origin" and headers.get("sec-fetch-mode") != "navigate"
