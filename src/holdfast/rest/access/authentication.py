"""
Who calls: HTTP Basic (RFC 7617), a token (RFC 6750) or the session of a browser.
"""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from holdfast.network.forwarded import address_of
from holdfast.services.access.accounts import SESSION_COOKIE, principal_of, session_principal
from holdfast.services.access.context import Context
from holdfast.services.access.failed_sign_ins import Way
from holdfast.services.access.principal import Principal
from holdfast.services.access.tokens import find_token_owner, token_principal
from holdfast.services.errors import CredentialsMissing, SignInRefused, TokenRefused
from holdfast.services.runtime import Runtime
from holdfast.store.access.accounts import User
from holdfast.store.database import Transactions


def get_runtime(request: Request) -> Runtime:
    """Give the running parts of Holdfast."""
    runtime: Runtime = request.app.state.runtime
    return runtime


async def context(request: Request) -> AsyncIterator[Context]:
    """Give the context of the request; raise what says why its user is not known, or Busy."""
    runtime = get_runtime(request)

    async def identify(store: Transactions) -> Principal:
        return await user_of_request(runtime, store, request)

    async with runtime.context(identify, request.state.count_as) as of_request:
        yield of_request


async def user_of_request(runtime: Runtime, store: Transactions, request: Request) -> Principal:
    """Find on whose behalf *request* is made, also before it has reached a door; raise as `context`."""
    address = address_of(request)
    if request.headers.get("authorization", "").partition(" ")[0].lower() == "basic":
        return principal_of(await _user_by_password(runtime, store, request, address), address)
    user = await run_in_threadpool(_user_of_token, runtime, store, request)
    return replace(user, address=address)


async def _user_by_password(runtime: Runtime, store: Transactions, request: Request, address: str) -> User:
    failures = runtime.accounts.failures
    with failures.watch(Way.BASIC, address):
        name, password = _basic(request.headers["authorization"].partition(" ")[2])
    with failures.watch(Way.BASIC, address, name):
        return await runtime.accounts.sign_in(store, name, password, address, runtime.now())


def _user_of_token(runtime: Runtime, store: Transactions, request: Request) -> Principal:
    scheme = request.headers.get("authorization", "").partition(" ")[0]
    if scheme.lower() == "bearer":
        script = token_principal(store, bearer(request), runtime.now())
        if script is None:
            name = find_token_owner(store, bearer(request))
            runtime.accounts.failures.add(Way.TOKEN, address_of(request), name)
            raise TokenRefused
        return script
    token = request.cookies.get(SESSION_COOKIE)
    user = session_principal(store, token, runtime.now()) if token and not scheme else None
    if user is None:
        raise CredentialsMissing
    return user


def bearer(request: Request) -> str:
    """Give the secret of the token that the request bears, empty where it bears none."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""


def _basic(credentials: str) -> tuple[str, str]:
    try:
        name, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError as error:  # no base64, no ASCII, no UTF-8
        raise SignInRefused from error
    if not colon:
        raise SignInRefused
    return name, password


CurrentRuntime = Annotated[Runtime, Depends(get_runtime)]
Bearer = Annotated[str, Depends(bearer)]
# The transaction that a request reads in ends before its response is sent, however slowly that is read.
RequestContext = Annotated[Context, Depends(context, scope="function")]
