"""
The publisher and credentials of a command: from --context, or else the environment, or else `holdfast login`.
"""

import os
from collections.abc import Mapping

from holdfast.cli.failures import InvalidUsage, SignInRequired
from holdfast.cli.requests.context_choice import context_choice
from holdfast.cli.requests.contexts import Contexts, PublisherContext, find_context, read_contexts
from holdfast.cli.requests.publisher import (
    DEFAULT_URL,
    Credentials,
    Publisher,
    check_publisher,
    strip_url,
)


def find(environment: Mapping[str, str] = os.environ) -> tuple[Publisher, Credentials]:
    """
    Find the publisher and the credentials. --context takes precedence, then the environment.

    A stored token is only sent to the URL that it was stored for.

    Raises:
        SignInRequired: Neither the environment nor the file has credentials.
        InvalidUsage: The URL is invalid.
        CommandFailed: The context doesn't exist, the file can't be read, or other users can read it.
    """
    if name := context_choice.get():
        return _use_context(find_context(read_contexts(environment), name), environment)
    credentials = _read_environment(environment)
    url = environment.get("HOLDFAST_URL", "")
    is_complete = bool(credentials and url) and not environment.get("HOLDFAST_CONTEXT")
    contexts = Contexts() if is_complete else read_contexts(environment)
    context = None if is_complete else _find_stored(contexts, environment)
    if context is None and credentials is None and not url:
        if contexts.by_name:
            names = ", ".join(contexts.by_name)
            raise SignInRequired(f"No current context. Run `holdfast context use NAME` with one of: {names}.")
        raise SignInRequired("You aren't signed in. Run `holdfast login`, or set HOLDFAST_URL and HOLDFAST_TOKEN.")
    if context:
        publisher, who = _use_context(context, environment)
        return publisher, credentials or who
    insecure = environment.get("HOLDFAST_INSECURE_HTTP", "") == "1"
    ca_file = environment.get("HOLDFAST_CA_FILE") or None
    publisher = check_publisher(url or DEFAULT_URL, ca_file, insecure_http=insecure)
    if credentials is None:
        raise SignInRequired(f"You aren't signed in to {publisher.url}. Run `holdfast login {publisher.url}`.")
    return publisher, credentials


def find_context_name(contexts: Contexts, environment: Mapping[str, str] = os.environ) -> str:
    """Return the context from --context, the environment or the file; empty if there is none."""
    return context_choice.get() or environment.get("HOLDFAST_CONTEXT", "") or contexts.current


def _find_stored(contexts: Contexts, environment: Mapping[str, str]) -> PublisherContext | None:
    url, name = strip_url(environment.get("HOLDFAST_URL", "")), environment.get("HOLDFAST_CONTEXT", "")
    if not name:
        return contexts.by_name.get(contexts.find_name(url) if url else contexts.current)
    context = find_context(contexts, name)
    if url and context.publisher.url != url:
        raise InvalidUsage(
            f"HOLDFAST_URL is {url}, but HOLDFAST_CONTEXT {name} is for {context.publisher.url}. Unset one of them."
        )
    return context


def _use_context(context: PublisherContext, environment: Mapping[str, str]) -> tuple[Publisher, Credentials]:
    publisher = context.publisher
    ca_file = environment.get("HOLDFAST_CA_FILE") or (str(publisher.ca_file) if publisher.ca_file else None)
    insecure = publisher.insecure_http or environment.get("HOLDFAST_INSECURE_HTTP", "") == "1"
    return check_publisher(publisher.url, ca_file, insecure_http=insecure), context.who


def _read_environment(environment: Mapping[str, str]) -> Credentials | None:
    if token := environment.get("HOLDFAST_TOKEN"):
        return Credentials(token=token)
    user, password = environment.get("HOLDFAST_USER", ""), environment.get("HOLDFAST_PASSWORD", "")
    if bool(user) != bool(password):
        raise InvalidUsage("Set both HOLDFAST_USER and HOLDFAST_PASSWORD, or neither.")
    return Credentials(user, password) if user else None
