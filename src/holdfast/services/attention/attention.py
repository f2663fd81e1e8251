"""
Find what needs attention in an organization: the items of Home, `GET /attention` and `holdfast status`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.network.server_certificates import ServerCertificates
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.attention.certificates import examine_certificates
from holdfast.services.attention.gateways import examine_control_planes, examine_gateways, examine_tokens
from holdfast.services.attention.item import Item, Kind, Urgency, format_count
from holdfast.services.attention.unusable import examine_unusable
from holdfast.services.attention.watched_endpoints import examine_presented
from holdfast.services.control_planes.presence import Presence
from holdfast.services.failures import diagnosis
from holdfast.services.failures.failures import Failures
from holdfast.services.gateways import statuses
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.trust import trust_settings

_ORDER = {kind: number for number, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Sources:
    """Where items come from, apart from the database."""

    failures: Failures
    gateways: statuses.Sources
    presence: Presence
    server_certificates: ServerCertificates
    retire_after: timedelta
    enforcements: Enforcements


def list_items(context: Context, sources: Sources) -> list[Item]:
    """Return what needs attention in the user's organization, at most one item of each kind, most urgent first."""
    context.user.require(Permission.VIEW_APIS)
    examinations: Sequence[Callable[[], Iterator[Item]]] = (
        lambda: _examine_failures(context, sources.failures),
        lambda: examine_unusable(context, sources.enforcements),
        lambda: _examine_server_certificates(context, sources.server_certificates),
        lambda: examine_gateways(context, sources.gateways),
        lambda: examine_tokens(context, sources.gateways),
        lambda: examine_control_planes(context, sources.presence),
        lambda: _examine_exceptions(context),
        lambda: examine_certificates(context, sources.retire_after),
        lambda: examine_presented(context),
    )
    return sorted((item for examine in examinations for item in examine()), key=lambda item: _ORDER[item.kind])


def list_server_warnings(context: Context, server_certificates: ServerCertificates) -> list[str]:
    """Return the problems with Holdfast's own certificates, for admins of the default organization."""
    if context.user.organization != DEFAULT_ORGANIZATION or not context.user.may(Permission.MANAGE_USERS):
        return []
    warnings = (certificate.write_warning(context.now) for certificate in server_certificates(context.now))
    return [warning for warning in warnings if warning]


def _examine_failures(context: Context, failures: Failures) -> Iterator[Item]:
    failing = [backend for backend in diagnosis.find_failing(context, failures) if not backend.acknowledgement]
    for backend in failing[:1]:
        failure = backend.failure
        yield Item(
            Kind.FAILING_BACKENDS,
            Urgency.NOW,
            len(failing),
            format_count(len(failing), "backend is failing", "backends are failing"),
            f"{backend.api.name} {backend.api.version}, {failure.latest.environment}: {failure.cause}",
            "/failures",
            "Show failures",
            "last seen",
            failure.last,
        )


def _examine_server_certificates(context: Context, server_certificates: ServerCertificates) -> Iterator[Item]:
    warnings = list_server_warnings(context, server_certificates)
    if warnings:
        yield Item(
            Kind.SERVER_CERTIFICATES,
            Urgency.NOW,
            len(warnings),
            format_count(
                len(warnings),
                "certificate of Holdfast itself needs renewal",
                "of Holdfast's own certificates need renewal",
            ),
            warnings[0],
            "/help/how-to/tls/",
            "How to renew",
        )


def _examine_exceptions(context: Context) -> Iterator[Item]:
    exceptions = trust_settings.list_exceptions(context)
    for settings in exceptions[:1]:
        yield Item(
            Kind.EXCEPTIONS,
            Urgency.NOW,
            len(exceptions),
            f"Verification is off for {format_count(len(exceptions), 'backend', 'backends')}",
            settings.origin,
            "/exceptions",
            "Review",
            *(("ends", settings.exception.ends_at) if settings.exception else ()),
        )
