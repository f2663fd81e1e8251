"""
A real identity provider in a separate process, where users sign in on a page in their browser.

    with IdentityProvider(tmp_path) as provider:
        with Holdfast(tmp_path, **provider.settings({"api-team": "creator"})) as holdfast:
            provider.serve(holdfast.publisher_url, {"dora": ["api-team"]})
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from joserfc.jwk import RSAKey

from ports import free_addresses

PROGRAM = Path(__file__).with_name("canaille_process.py")
CLIENT, SECRET = "holdfast", "between the two"


class IdentityProvider:
    """Canaille on its own port, with users and groups that a test can replace."""

    password = "their own long password"

    def __init__(self, directory: Path) -> None:
        (address,) = free_addresses(1)
        self.issuer = f"http://{address}"
        self._port = int(address.rpartition(":")[2])
        self._errors = directory / "identity-provider"

    def settings(self, roles: Mapping[str, str]) -> dict[str, str]:
        """Return the settings of a Holdfast whose users sign in here, with *roles* by group."""
        return {
            "HOLDFAST_OIDC_ISSUER": self.issuer,
            "HOLDFAST_OIDC_CLIENT_ID": CLIENT,
            "HOLDFAST_OIDC_CLIENT_SECRET": SECRET,
            "HOLDFAST_OIDC_SCOPES": "openid profile groups",
            "HOLDFAST_OIDC_ROLES": "; ".join(f"{group}={role}" for group, role in roles.items()),
            "HOLDFAST_OIDC_LABEL": "Canaille",
        }

    def __enter__(self) -> "IdentityProvider":
        settings = {
            "port": self._port,
            "key": RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"}).as_dict(private=True),
            "client_id": CLIENT,
            "client_secret": SECRET,
            "password": self.password,
        }
        command = [sys.executable, str(PROGRAM), json.dumps(settings)]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def serve(self, publisher_url: str, people: Mapping[str, Sequence[str]]) -> None:
        """Serve these *people*, by name with their groups, and nobody else, to the Holdfast at *publisher_url*."""
        registration = {"redirect_uri": f"{publisher_url}/sign-in/callback", "people": people}
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(registration), file=self._process.stdin, flush=True)
        assert self._process.stdout.readline() == "ready\n", self._errors.read_text()
