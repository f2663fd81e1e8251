"""
`holdfast up --demo`: an API with a backend that the gateway rejects, and the steps that make it work.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from rich.console import Console

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.errors import InvalidFields, TransitionRefused
from holdfast.apis.wso2_wording import ADD_CERTIFICATE, GENERAL_ENDPOINT_CONFIGURATIONS
from holdfast.demo.backend import MENU, PORT, Backend, serve
from holdfast.demo.caller import ask
from holdfast.network.public_trust import make_public_context
from holdfast.services.access.context import Context
from holdfast.services.access.principal import Principal
from holdfast.services.catalog import apis, lifecycle
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.errors import Conflict
from holdfast.services.runtime import Runtime
from holdfast.store.catalog.apis import ApiFilter

NAME, CONTEXT, VERSION = "Pizza Shack", "/pizzashack", "1.0.0"
SETTLES_WITHIN = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Tour:
    """Shows *user* how the gateway treats a backend with a self-signed certificate, and how to trust it."""

    console: Console
    runtime: Runtime
    user: Principal
    publisher_url: str
    data: Path
    password: str  # where the user finds it, such as "the password above"

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        """Print the demo, and serve the backend until the block ends."""
        async with AsyncExitStack() as stack:
            try:
                ports = await asyncio.to_thread(self._choose_ports)
                backend = await stack.enter_async_context(serve(self.data / "demo", ports))
                api = await asyncio.to_thread(self._ensure_api, backend)
                await self._show(api, backend)
            except (OSError, InvalidFields, Conflict, TransitionRefused) as error:
                # Holdfast itself works without the demo.
                self.console.print(f"The demo can't run: {error}")
            yield

    @property
    def _context(self) -> Context:
        return Context(self.runtime.store, self.user, self.runtime.now())

    def _choose_ports(self) -> list[int]:
        # Prefer the port of the API's endpoint: imported certificates are trusted only for that one.
        api = self._find_api()
        endpoint = api.production if api else None
        return [endpoint.origin.port, PORT] if endpoint and endpoint.origin.host == "localhost" else [PORT]

    def _find_api(self) -> Api | None:
        matches, _ = apis.list_apis(self._context, ApiFilter(name=NAME))
        return next((api for api in matches if (api.name, api.context, api.version) == (NAME, CONTEXT, VERSION)), None)

    def _ensure_api(self, backend: Backend) -> Api:
        api = self._find_api()
        if api is None:
            members = {"operations": [{"target": "/menu", "verb": "GET"}]}
            api = apis.create_api(self._context, ApiDraft(NAME, CONTEXT, VERSION, backend.url, members=members))
        if api.production is None or api.production.origin != parse_endpoint(backend.url).origin:
            sandbox = api.sandbox.url if api.sandbox else None
            api = apis.change_endpoints(self._context, api.id, backend.url, sandbox).full_api.api
        if not api.state.is_served:
            api = lifecycle.change_lifecycle(self._context, api.id, "Publish")
        return api

    async def _show(self, api: Api, backend: Backend) -> None:
        url = f"{self.runtime.gateways['production']}{api.path}/menu"
        async with httpx2.AsyncClient(trust_env=False, verify=make_public_context(trust_env=False)) as client:
            # Until the gateway serves the API, it responds otherwise.
            answer = await ask(client, url, lambda attempt: attempt.is_served or attempt.is_refused, SETTLES_WITHIN)
        self._print("\nDemo: an API whose backend has a self-signed certificate", style="bold")
        self._print(f"  API          {api.name} {api.version}, {api.state.value.lower()}")
        self._print(f"  Backend      {backend.url}")
        self._print(f"  Certificate  {backend.certificate.resolve()}")
        self._print(f"  Request      curl {url}")
        self._print(f"  Response     {answer.status} {answer.body}", style="green" if answer.is_served else "red")
        if answer.is_served:
            self._print("  Reason       The certificate is imported, so the gateway trusts the backend.")
        elif answer.is_refused:
            self._print(
                "  Reason       The gateway rejects the backend: its certificate is self-signed and not imported."
            )
            self._print_steps(api, backend)
        else:
            self._print(f"  Reason       Unexpected. Look for the cause in {self.data / 'envoy.log'}.")

    def _print_steps(self, api: Api, backend: Backend) -> None:
        self._print("\nMake it work", style="bold")
        self._print(f"  1  Open {self.publisher_url} and sign in as {self.user.name} with {self.password}.")
        self._print(f"  2  Open {api.name} > Endpoints > {GENERAL_ENDPOINT_CONFIGURATIONS} > {ADD_CERTIFICATE}.")
        self._print(f"  3  Select the endpoint {backend.url}, enter an alias, drop the certificate file, and save.")
        self._print(
            f"  4  Repeat the request. The backend answers: 200 {json.dumps({'menu': MENU}, separators=(',', ':'))}"
        )

    def _print(self, text: str, style: str | None = None) -> None:
        self.console.print(text, style=style)
