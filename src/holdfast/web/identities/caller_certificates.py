"""
The section of an API's overview about who can call it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.apis.catalog.api import Api
from holdfast.apis.enforcement import ApiCallers, Enforcement
from holdfast.apis.identities.caller_certificate import CallerCertificate
from holdfast.certificates.validity import Status, get_status
from holdfast.services.access.context import Context
from holdfast.services.identities import caller_certificates
from holdfast.services.runtime import Runtime

_ACCEPTED = (Status.ACTIVE, Status.EXPIRING)


@dataclass(frozen=True, slots=True)
class CallerRow:
    """A certificate that callers may present."""

    entry: CallerCertificate
    status: Status


@dataclass(frozen=True, slots=True)
class Callers:
    """A description of who can call an API, the certificates, and their progress at the gateways."""

    count: int  # how many certificates callers can present now
    sentence: str
    rows: Sequence[CallerRow]
    enforcement: Enforcement | None  # None: anyone can call it


def find_callers(runtime: Runtime, context: Context, api: Api) -> Callers:
    """Describe who can call *api*."""
    entries, _ = caller_certificates.list_certificates(context, api.id)
    count = sum(get_status(entry.certificate, context.now) in _ACCEPTED for entry in entries)
    rows = [_build_row(entry, context) for entry in entries]
    if not api.requires_certificate:
        when = "" if api.state.is_served and api.groups else " while gateways serve it"
        return Callers(count, f"Anyone who can reach the gateway can call this API{when}.", rows, None)
    enforcement = runtime.enforcements.find(context, ApiCallers(api.id))
    return Callers(count, _describe_callers(count, asks=context.asks_callers), rows, enforcement)


def _build_row(entry: CallerCertificate, context: Context) -> CallerRow:
    return CallerRow(entry, get_status(entry.readable, context.now) if entry.readable else Status.UNREADABLE)


def _describe_callers(count: int, *, asks: bool) -> str:
    if not asks:
        return (
            "Nobody can call this API: it requires a client certificate, but the gateways only accept plain HTTP. "
            "Start Holdfast with --gateway-tls."
        )
    match count:
        case 0:
            return "Nobody can call this API: it has no valid caller certificate."
        case 1:
            return "Callers must present this client certificate."
        case _:
            return f"Callers must present one of {count} client certificates."
