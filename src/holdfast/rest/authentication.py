"""
Authentication of requests: HTTP Basic (RFC 7617), a token (RFC 6750) or the session of a browser.
"""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from holdfast.network.forwarded import get_address
from holdfast.services.access.accounts import SESSION_COOKIE, find_session_principal, make_principal
from holdfast.services.access.context import Context
from holdfast.services.access.failed_sign_ins import Way
from holdfast.services.access.principal import Principal
from holdfast.services.access.tokens import find_token_owner, find_token_principal
from holdfast.services.errors import CredentialsMissing, SignInRefused, TokenRefused
from holdfast.services.runtime import Runtime
from holdfast.store.access.accounts import User
from holdfast.store.database import Transactions


def get_runtime(request: Request) -> Runtime:
    """Return the running components."""
    runtime: Runtime = request.app.state.runtime
    return runtime


async def open_context(request: Request) -> AsyncIterator[Context]:
    """Return the context of a request. Raises an error of authentication (`services.errors`), or Busy."""
    runtime = get_runtime(request)

    async def identify(store: Transactions) -> Principal:
        return await authenticate(runtime, store, request)

    async with runtime.context(identify, request.state.count_as) as of_request:
        yield of_request


async def authenticate(runtime: Runtime, store: Transactions, request: Request) -> Principal:
    """Authenticate the user of a request, which may not have been routed yet. Raises like `context`."""
    address = get_address(request)
    if request.headers.get("authorization", "").partition(" ")[0].lower() == "basic":
        return make_principal(await _check_password(runtime, store, request, address), address)
    user = await run_in_threadpool(_check_token, runtime, store, request)
    return replace(user, address=address)


async def _check_password(runtime: Runtime, store: Transactions, request: Request, address: str) -> User:
    failures = runtime.accounts.failures
    with failures.watch(Way.BASIC, address):
        name, password = _read_basic(request.headers["authorization"].partition(" ")[2])
    with failures.watch(Way.BASIC, address, name):
        return await runtime.accounts.sign_in(store, name, password, address, runtime.now())


def _check_token(runtime: Runtime, store: Transactions, request: Request) -> Principal:
    scheme = request.headers.get("authorization", "").partition(" ")[0]
    if scheme.lower() == "bearer":
        script = find_token_principal(store, read_bearer(request), runtime.now())
        if script is None:
            name = find_token_owner(store, read_bearer(request))
            runtime.accounts.failures.add(Way.TOKEN, get_address(request), name)
            raise TokenRefused
        return script
    token = request.cookies.get(SESSION_COOKIE)
    user = find_session_principal(store, token, runtime.now()) if token and not scheme else None
    if user is None:
        raise CredentialsMissing
    return user


def read_bearer(request: Request) -> str:
    """Return the bearer token of a request, empty if it has none."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""


def _read_basic(credentials: str) -> tuple[str, str]:
    try:
        name, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError as error:  # not base64, ASCII or UTF-8
        raise SignInRefused from error
    if not colon:
        raise SignInRefused
    return name, password


CurrentRuntime = Annotated[Runtime, Depends(get_runtime)]
Bearer = Annotated[str, Depends(read_bearer)]
# The transaction that a request reads in ends before its response is sent, however slowly the client reads it.
RequestContext = Annotated[Context, Depends(open_context, scope="function")]
