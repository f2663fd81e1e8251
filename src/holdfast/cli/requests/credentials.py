"""
Which Holdfast is asked, and on whose behalf: by --context, else from the environment, else what `holdfast login` kept.
"""

import os
from collections.abc import Mapping

from holdfast.cli.failures import Misused, SignInRequired
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
    Find whom to ask and who asks. --context wins, then what is in the environment.

    A kept token goes to the URL that it was kept for, and to no other.

    Raises:
        NotSignedIn: Neither the environment nor a file says who asks.
        Misused: The URL cannot be used.
        CommandFailed: There is no such context, the file cannot be read, or others can read it.
    """
    if name := context_choice.get():
        return _of_context(find_context(read_contexts(environment), name), environment)
    credentials = _of_environment(environment)
    url = environment.get("HOLDFAST_URL", "")
    is_complete = bool(credentials and url) and not environment.get("HOLDFAST_CONTEXT")
    contexts = Contexts() if is_complete else read_contexts(environment)
    kept = None if is_complete else _kept(contexts, environment)
    if kept is None and credentials is None and not url:
        if contexts.by_name:
            names = ", ".join(contexts.by_name)
            raise SignInRequired(f"No context is chosen. `holdfast context use NAME` chooses one of these: {names}.")
        raise SignInRequired("Nobody is signed in. Run `holdfast login`, or set HOLDFAST_URL and HOLDFAST_TOKEN.")
    if kept:
        publisher, who = _of_context(kept, environment)
        return publisher, credentials or who
    insecure = environment.get("HOLDFAST_INSECURE_HTTP", "") == "1"
    ca_file = environment.get("HOLDFAST_CA_FILE") or None
    publisher = check_publisher(url or DEFAULT_URL, ca_file, insecure_http=insecure)
    if credentials is None:
        raise SignInRequired(f"Nobody is signed in to {publisher.url}. Run `holdfast login {publisher.url}`.")
    return publisher, credentials


def context_name(contexts: Contexts, environment: Mapping[str, str] = os.environ) -> str:
    """Name the context that --context, the environment or the last login chose; empty for none."""
    return context_choice.get() or environment.get("HOLDFAST_CONTEXT", "") or contexts.current


def _kept(contexts: Contexts, environment: Mapping[str, str]) -> PublisherContext | None:
    url, name = strip_url(environment.get("HOLDFAST_URL", "")), environment.get("HOLDFAST_CONTEXT", "")
    if not name:
        return contexts.by_name.get(contexts.named_for(url) if url else contexts.current)
    context = find_context(contexts, name)
    if url and context.publisher.url != url:
        raise Misused(
            f"HOLDFAST_URL is {url}, but the context {name} is for {context.publisher.url}. Unset one of them."
        )
    return context


def _of_context(context: PublisherContext, environment: Mapping[str, str]) -> tuple[Publisher, Credentials]:
    kept = context.publisher
    ca_file = environment.get("HOLDFAST_CA_FILE") or (str(kept.ca_file) if kept.ca_file else None)
    insecure = kept.insecure_http or environment.get("HOLDFAST_INSECURE_HTTP", "") == "1"
    return check_publisher(kept.url, ca_file, insecure_http=insecure), context.who


def _of_environment(environment: Mapping[str, str]) -> Credentials | None:
    if token := environment.get("HOLDFAST_TOKEN"):
        return Credentials(token=token)
    user, password = environment.get("HOLDFAST_USER", ""), environment.get("HOLDFAST_PASSWORD", "")
    if bool(user) != bool(password):
        raise Misused("HOLDFAST_USER and HOLDFAST_PASSWORD go together. Set both, or neither.")
    return Credentials(user, password) if user else None
