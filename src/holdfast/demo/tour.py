"""
`holdfast up --demo`: an API for the backend, a call that is refused, and what to click so that it is not.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from rich.console import Console

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.errors import InvalidFields, TransitionRefused
from holdfast.demo.backend import PORT, Backend, serving
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
    """Shows *user* what the gateway makes of a backend with a self-signed certificate."""

    console: Console
    runtime: Runtime
    user: Principal
    publisher_url: str
    data: Path
    password_file: Path

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        """Show it, and serve the backend until the block ends."""
        async with AsyncExitStack() as stack:
            try:
                ports = await asyncio.to_thread(self._ports)
                backend = await stack.enter_async_context(serving(self.data / "demo", ports))
                api = await asyncio.to_thread(self._ensure_api, backend)
                await self._show(api, backend)
            except (OSError, InvalidFields, Conflict, TransitionRefused) as error:
                # What stands in the way of the demonstration does not stand in the way of Holdfast.
                self.console.print(f"The demonstration is left out: {error}")
            yield

    @property
    def _context(self) -> Context:
        return Context(self.runtime.store, self.user, self.runtime.now())

    def _ports(self) -> list[int]:
        # The port that the API has comes first: what was imported is trusted for that one alone.
        api = self._find_api()
        endpoint = api.production if api else None
        return [endpoint.origin.port, PORT] if endpoint and endpoint.origin.host == "localhost" else [PORT]

    def _find_api(self) -> Api | None:
        matches, _ = apis.list_apis(self._context, ApiFilter(name=NAME))
        return next((api for api in matches if (api.name, api.context, api.version) == (NAME, CONTEXT, VERSION)), None)

    def _ensure_api(self, backend: Backend) -> Api:
        api = self._find_api()
        if api is None:
            api = apis.create_api(self._context, ApiDraft(NAME, CONTEXT, VERSION, backend.url))
        if api.production is None or api.production.origin != parse_endpoint(backend.url).origin:
            sandbox = api.sandbox.url if api.sandbox else None
            api = apis.change_endpoints(self._context, api.id, backend.url, sandbox).described.api
        if not api.state.is_served:
            api = lifecycle.change_lifecycle(self._context, api.id, "Publish")
        return api

    async def _show(self, api: Api, backend: Backend) -> None:
        url = f"{self.runtime.gateways['production']}{api.path}/menu"
        async with httpx2.AsyncClient(trust_env=False, verify=make_public_context(trust_env=False)) as client:
            # Other answers mean that the API is on its way to the gateway.
            answer = await ask(client, url, lambda attempt: attempt.is_served or attempt.is_refused, SETTLES_WITHIN)
        self._print("\nDemonstration", style="bold")
        self._print(f"  API          {api.name} {api.version}, {api.state.value.lower()}")
        self._print(f"  Backend      {backend.url}, with a self-signed certificate")
        self._print(f"  Call         curl {url}")
        self._print(f"  Answer       {answer.status} {answer.body}", style="green" if answer.is_served else "red")
        if answer.is_served:
            self._print("  Why          The certificate has been imported, so the gateway trusts the backend.")
        elif answer.is_refused:
            self._print("  Why          The backend signed its certificate itself, so no public authority vouches")
            self._print("               for it, and nobody has imported it: the gateway refuses the backend.")
            self._tell_what_to_do(api, backend, url)
        else:
            self._print(f"  Why          This was not expected; perhaps {self.data / 'envoy.log'} tells more.")

    def _tell_what_to_do(self, api: Api, backend: Backend, url: str) -> None:
        self._print("\nMake it work", style="bold")
        self._print(f"  Certificate  {backend.certificate.resolve()}")
        kept = f" (the password is in {self.password_file.resolve()})" if self.password_file.exists() else ""
        self._print(f"  1            Open {self.publisher_url} and sign in as {self.user.name}{kept}.")
        self._print(f"  2            Open {api.name}, Endpoints, General Endpoint Configurations, Add Certificate.")
        self._print(f"  3            Choose the endpoint {backend.url}, give an alias, drop the file, Save.")
        self._print(f"  4            curl {url}")

    def _print(self, text: str, style: str | None = None) -> None:
        self.console.print(text, style=style)
