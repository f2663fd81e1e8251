"""
The process of `identity_provider.py`: Canaille, an OpenID Connect server, with its own users and groups.

    python canaille_process.py '{"port": ..., "client_id": ..., ...}'

Each line of its input replaces the users: {"redirect_uri": ..., "people": {"dora": ["api-team"]}}.
It confirms each with a line, and ends with its input.
"""

import asyncio
import json
import socket
import sys
from datetime import UTC, datetime
from typing import Any

from asgiref.wsgi import WsgiToAsgi
from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from hypercorn.asyncio import serve
from hypercorn.config import Config


def main(settings: dict[str, Any]) -> None:
    """Serve until the input ends."""
    app = create_app(
        {
            "SECRET_KEY": "only for tests",
            "SERVER_NAME": f"127.0.0.1:{settings['port']}",
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "memory"},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [settings["key"]]},
        }
    )
    asyncio.run(run(app, settings))


async def run(app: Any, settings: dict[str, Any]) -> None:
    """Serve, and apply the lines of the input."""
    config, end = Config(), asyncio.Event()
    # It accepts connections from now on, so callers needn't poll.
    config.bind = [f"fd://{socket.create_server(('127.0.0.1', settings['port'])).detach()}"]
    config.graceful_timeout = 0
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(WsgiToAsgi(app), config, shutdown_trigger=end.wait))  # type: ignore[arg-type]
        while line := await asyncio.to_thread(sys.stdin.readline):
            with app.app_context():
                fill(settings | json.loads(line), Backend.instance)
            print("ready", flush=True)
        end.set()


def fill(settings: dict[str, Any], backend: Any) -> None:
    """Make the people, their groups, and the client that Holdfast is, in place of those before."""
    for model in (models.Client, models.Group, models.User):
        for entry in backend.query(model):
            backend.delete(entry)
    people = {
        name: models.User(
            user_name=name,
            display_name=name,
            formatted_name=name.title(),
            family_name=name.title(),
            emails=[f"{name}@example.org"],
            password=settings["password"],
        )
        for name in settings["people"]
    }
    for person in people.values():
        backend.save(person)
    for group in {group for groups in settings["people"].values() for group in groups}:
        members = [people[name] for name, groups in settings["people"].items() if group in groups]
        backend.save(models.Group(display_name=group, members=members))
    client = models.Client(
        client_id=settings["client_id"],
        client_secret=settings["client_secret"],
        client_name="Holdfast",
        client_uri=settings["redirect_uri"],
        client_id_issued_at=datetime.now(UTC),
        redirect_uris=[settings["redirect_uri"]],
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid", "profile", "groups"],
        token_endpoint_auth_method="client_secret_basic",
    )
    backend.save(client)
    client.audience = [client]
    backend.save(client)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
