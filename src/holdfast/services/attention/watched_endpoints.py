"""
Backends that present something new or something that isn't trusted, or don't answer.
"""

from collections.abc import Iterator

from holdfast.apis.watch.watched_endpoint import WatchStatus
from holdfast.services.access.context import Context
from holdfast.services.attention.item import Item, Kind, Urgency, format_count
from holdfast.services.watch.watched_endpoints import WatchSelection, find_changed, list_watched_endpoints


def examine_presented(context: Context) -> Iterator[Item]:
    """
    Yield items about backends that gateways reject, that don't answer, and that have changed.

    Of the changed ones, only those that gateways reject count if there are any.
    """
    yield from _examine_untrusted(context)
    yield from _examine_unreachable(context)
    endpoints = find_changed(context)
    untrusted = [endpoint for endpoint in endpoints if not endpoint.is_trusted(context.now)]
    for endpoint in (untrusted or endpoints)[:1]:
        number = len(untrusted or endpoints)
        name = endpoint.certificate.name if endpoint.certificate else ""
        yield Item(
            Kind.CHANGED_CERTIFICATES,
            Urgency.NOW if untrusted else Urgency.LATER,
            number,
            format_count(
                number,
                f"backend presents a new certificate{' that gateways reject' if untrusted else ''}",
                f"backends present new certificates{' that gateways reject' if untrusted else ''}",
            ),
            f"{endpoint.origin} presents {name}",
            "/watched-endpoints?status=changed",
            "Show what changed",
            "changed",
            endpoint.changes.at,
        )


def _examine_untrusted(context: Context) -> Iterator[Item]:
    backends, total = list_watched_endpoints(context, WatchSelection(status=WatchStatus.NOT_TRUSTED), limit=1)
    for backend in backends:
        certificate = backend.endpoint.certificate
        yield Item(
            Kind.NOT_COVERED,
            Urgency.NOW,
            total,
            format_count(
                total,
                "backend presents a certificate that isn't trusted",
                "backends present certificates that aren't trusted",
            ),
            f"{backend.endpoint.origin} presents {certificate.name if certificate else ''}",
            f"/watched-endpoints?status={WatchStatus.NOT_TRUSTED}",
            "Show backends",
            *(("since", certificate.since) if certificate else ()),
        )


def _examine_unreachable(context: Context) -> Iterator[Item]:
    backends, total = list_watched_endpoints(context, WatchSelection(status=WatchStatus.UNREACHABLE), limit=1)
    for backend in backends:
        silence = backend.endpoint.silence
        yield Item(
            Kind.UNREACHABLE_BACKENDS,
            Urgency.NOW,
            total,
            format_count(total, "backend can't be reached", "backends can't be reached"),
            f"{backend.endpoint.origin}{f': {silence.cause}' if silence else ''}",
            f"/watched-endpoints?status={WatchStatus.UNREACHABLE}",
            "Show backends",
            *(("since", silence.since) if silence else ()),
        )
