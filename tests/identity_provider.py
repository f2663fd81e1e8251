"""
A real identity provider in a process of its own, where people sign in with a page in their browser.

    provider = IdentityProvider(tmp_path)
    with Holdfast(tmp_path, **provider.settings({"api-team": "creator"})) as holdfast:
        with provider.serving(holdfast.publisher_url, {"dora": ["api-team"]}):
            ...
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import RSAKey

from ports import free_addresses
from running import wait_until

PROGRAM = Path(__file__).with_name("canaille_process.py")
START_WITHIN = 30.0  # seconds
CLIENT, SECRET = "holdfast", "between the two"


class IdentityProvider:
    """Canaille on a port of its own; it can be served again with other people and groups, under the same issuer."""

    password = "their own long password"

    def __init__(self, directory: Path) -> None:
        (address,) = free_addresses(1)
        self.issuer = f"http://{address}"
        self._port = int(address.rpartition(":")[2])
        self._output = directory / "identity-provider"
        self._key: dict[str, Any] = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"}).as_dict(
            private=True
        )

    def settings(self, roles: Mapping[str, str]) -> dict[str, str]:
        """Give the settings of a Holdfast whose people sign in here, with *roles* by group."""
        return {
            "HOLDFAST_OIDC_ISSUER": self.issuer,
            "HOLDFAST_OIDC_CLIENT_ID": CLIENT,
            "HOLDFAST_OIDC_CLIENT_SECRET": SECRET,
            "HOLDFAST_OIDC_SCOPES": "openid profile groups",
            "HOLDFAST_OIDC_ROLES": "; ".join(f"{group}={role}" for group, role in roles.items()),
            "HOLDFAST_OIDC_LABEL": "Canaille",
        }

    @contextmanager
    def serving(self, publisher_url: str, people: Mapping[str, Sequence[str]]) -> Iterator[None]:
        """Serve these *people*, by name with their groups, to the Holdfast at *publisher_url*."""
        wanted = {
            "port": self._port,
            "key": self._key,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "redirect_uri": f"{publisher_url}/sign-in/callback",
            "password": self.password,
            "people": people,
        }
        command = [sys.executable, str(PROGRAM), json.dumps(wanted)]
        with self._output.open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            wait_until(lambda: process.poll() is not None or self._answers(), START_WITHIN)
            assert process.poll() is None, self._output.read_text()
            yield
        finally:
            process.terminate()
            process.wait(15)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.issuer}/.well-known/openid-configuration").status_code == 200
        except httpx.HTTPError:
            return False
