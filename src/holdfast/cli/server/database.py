"""
The option `--database`.
"""

from urllib.parse import parse_qs, urlsplit

import typer


def parse_database(url: str) -> str:
    """Return the URL of a database, which must not contain a password. Raises typer.BadParameter."""
    try:
        parts = urlsplit(url)
        has_password = parts.password is not None or "password" in parse_qs(parts.query)
    except ValueError:
        has_password = "@" in url
    if has_password:
        raise typer.BadParameter(
            "other users of this machine can see options, so the URL can't contain a password. Set "
            "HOLDFAST_DATABASE_PASSWORD or HOLDFAST_DATABASE_PASSWORD_FILE."
        )
    return url
