"""
The REST client of the commands: returns JSON, or raises an error with a message.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from holdfast.cli.failures import CannotConnect, CommandFailed, InvalidUsage, RequestRefused, SignInRequired
from holdfast.cli.requests import credentials
from holdfast.cli.requests.publisher import Credentials, Publisher

if TYPE_CHECKING:
    import httpx2

TIMEOUT = 30.0  # seconds without a response
PAGE = 500
MAX_LISTED = 1_000_000


class Client:
    """A REST client of a publisher. Raises CannotConnect, SignInRequired and RequestRefused."""

    def __init__(self, publisher: Publisher, who: Credentials, timeout: float = TIMEOUT) -> None:
        """Connect to *publisher* as *who*; *timeout* is in seconds without a response."""
        from holdfast.cli.requests.transport import Transport  # httpx2 takes longer to import than everything else

        self.url = publisher.url
        self._who, self._transport = who, Transport(publisher, who, timeout)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception: object) -> None:
        self._transport.close()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Read *path*."""
        return self.call("GET", path, params=query)

    def read(self, path: str, **query: Any) -> tuple[dict[str, Any], str]:
        """Read *path*; return the body and its entity tag for If-Match, empty if there is none."""
        answer = self.answer("GET", path, params=query)
        return _read_json(answer, self.url), answer.headers.get("ETag", "")

    def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Send a request and return the JSON object of the response, empty if there is no body."""
        answer = self.answer(method, path, **more)
        return _read_json(answer, self.url) if answer.content else {}

    def call_with_tag(self, method: str, path: str, **more: Any) -> tuple[dict[str, Any], str]:
        """Send a request like `call`; also return the entity tag (RFC 9110, section 8.8.3), empty if there is none."""
        answer = self.answer(method, path, **more)
        return _read_json(answer, self.url) if answer.content else {}, answer.headers.get("ETag", "")

    def answer(self, method: str, path: str, **more: Any) -> "httpx2.Response":
        """Send a request and return the response; failures raise."""
        answer = self._transport.send(method, path, **more)
        if answer.is_success:
            return answer
        raise _explain_refusal(answer, f"{method} {path}", self.url, self._who)

    def stream(self, path: str, **query: Any) -> Iterator[bytes]:
        """Read *path* in pieces, however long it is."""
        with self._transport.stream(path, query) as answer:
            if not answer.is_success:
                answer.read()
                raise _explain_refusal(answer, f"GET {path}", self.url, self._who)
            yield from answer.iter_bytes()

    def stream_lines(self, path: str, **query: Any) -> Iterator[str]:
        """Read the lines of *path*, without their ends. Raises UnicodeDecodeError, too."""
        rest = b""
        for piece in self.stream(path, **query):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield line.decode()
        if rest:
            yield rest.decode()

    def list_entries(
        self, path: str, member: Literal["list", "certificates"], **query: Any
    ) -> Iterator[dict[str, Any]]:
        """Yield all entries of *path*, page by page. Raises CommandFailed."""
        for offset in range(0, MAX_LISTED, PAGE):
            entries = _read_entries(self.get(path, limit=PAGE, offset=offset, **query), member, self.url)
            yield from entries
            if len(entries) < PAGE:
                return
        raise CommandFailed(f"{self.url} lists more than {MAX_LISTED} entries. Narrow the list with a query.")


def connect() -> Client:
    """Connect as the signed-in user."""
    return Client(*credentials.find())


def _read_entries(page: dict[str, Any], member: str, url: str) -> list[dict[str, Any]]:
    entries = page.get(member)
    if not isinstance(entries, list):
        raise _explain_no_holdfast(url)
    return entries


def _explain_no_holdfast(url: str) -> CannotConnect:
    return CannotConnect(f"{url} isn't a Holdfast publisher. Check the URL.")


def encode_segment(value: str) -> str:
    """Encode *value* as a path segment. Raises InvalidUsage if it is empty."""
    if not value:
        raise InvalidUsage("A name can't be empty.")
    # Dot segments would lead to another path (RFC 3986, section 5.2.4).
    return value.replace(".", "%2E") if value in {".", ".."} else quote(value, safe="")


def _explain_no_token(url: str, who: Credentials) -> str:
    if who.expires_at and who.has_expired(datetime.now(UTC)):
        when = f"on {who.expires_at:%Y-%m-%d %H:%M} UTC"
        return f"The stored token expired {when}. Run `holdfast login {url}`."
    why = "it expired, was revoked, or its user is disabled"
    if who.is_kept:
        return f"{url} rejected the stored token: {why}. Run `holdfast login {url}`."
    return f"{url} rejected the token: {why}. Create one on the Tokens page, or run `holdfast login {url}`."


def _explain_refusal(answer: "httpx2.Response", where: str, url: str, who: Credentials) -> CommandFailed:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        if answer.is_redirect:
            return CannotConnect(f"{url} redirects to another URL. Sign in with that URL.")
        text = f"{url} answered {answer.status_code} to {where} but isn't a Holdfast publisher. Check the URL."
        return SignInRequired(text) if answer.status_code == 401 else CannotConnect(text)
    if answer.status_code == 401 and who.token:
        return SignInRequired(_explain_no_token(url, who))
    description = _read_text(body, "description") or _read_text(body, "message") or answer.reason_phrase
    text = f"{description} ({where}: {answer.status_code})"
    if answer.status_code == 401:
        advice = (
            "Check both, and HOLDFAST_USER and HOLDFAST_PASSWORD if they are set. An admin can reset your password."
        )
        return SignInRequired(f"{text}\n{advice}")
    entries = body.get("error")
    details = [detail for detail in entries if isinstance(detail, dict)] if isinstance(entries, list) else []
    if len(details) == 1 and _read_text(details[0], "message") == description and description.startswith("Use "):
        text = f"{_read_text(details[0], 'code')}: {text}"  # it doesn't name what to use that for
    for detail in details:
        if _read_text(detail, "message") not in description:
            text += f"\n  {_read_text(detail, 'code')}: {_read_text(detail, 'message')}"
    return RequestRefused(text, answer.status_code, _read_text(body, "type").rpartition("/")[2])


def _read_text(body: dict[str, Any], member: str) -> str:
    value = body.get(member)
    return value if isinstance(value, str) else ""


def _read_json(answer: "httpx2.Response", url: str) -> dict[str, Any]:
    try:
        body = json.loads(answer.content, object_hook=lambda members: _Answer(members, url))
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise _explain_no_holdfast(url)
    return body


class _Answer(dict[str, Any]):
    """A JSON object in a response; a missing member raises CannotConnect."""

    def __init__(self, members: dict[str, Any], url: str) -> None:
        super().__init__(members)
        self._url = url

    def __missing__(self, member: str) -> Any:
        raise CannotConnect(f"The response of {self._url} lacks {member}. Check its URL and version.")
