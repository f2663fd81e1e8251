"""
How an API is called, and who may: what its overview says of that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.enforcement import ApiCallers, Enforcement
from holdfast.apis.identities.caller_certificate import CallerCertificate
from holdfast.certificates.validity import Status, status_of
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
    """Who may call an API: a sentence, the certificates, and how far that has come at the gateways."""

    sentence: str
    rows: Sequence[CallerRow]
    enforcement: Enforcement | None  # None: everybody may


def find_callers(runtime: Runtime, context: Context, api: Api) -> Callers:
    """Say who may call *api*."""
    entries, _ = caller_certificates.list_certificates(context, api.id)
    rows = [CallerRow(entry, status_of(entry.certificate, context.now)) for entry in entries]
    accepted = sum(row.status in _ACCEPTED for row in rows)
    if not api.requires_certificate:
        return Callers("Everybody who reaches the gateway may call it.", rows, None)
    enforcement = runtime.enforcements.of(context, ApiCallers(api.id))
    return Callers(_describe_callers(accepted, asks=context.asks_callers), rows, enforcement)


def _describe_callers(accepted: int, *, asks: bool) -> str:
    if not asks:
        return (
            "Nobody can call it: it requires a client certificate, and the gateways speak http alone. "
            "Start Holdfast with --gateway-tls."
        )
    match accepted:
        case 0:
            return "Nobody can call it: no client certificate is accepted."
        case 1:
            return "Callers must present the one client certificate that is accepted."
        case _:
            return f"Callers must present one of {accepted} client certificates."


def build_call_commands(runtime: Runtime, api: Api) -> list[tuple[str, str]]:
    """Write how to call *api*, as a label and a command: over TLS where that is needed or there."""
    commands = []
    for environment in ENVIRONMENTS:
        if api.endpoint(environment) is None:
            continue
        label, secure = environment.title(), runtime.tls_gateways.get(environment)
        if not api.requires_certificate:
            commands.append((label, f"curl {runtime.gateways[environment]}{api.path}/"))
        if secure:
            presented = "--cert caller.pem --key caller.key " if api.requires_certificate else ""
            commands.append((f"{label} over TLS", f"curl {presented}{secure}{api.path}/"))
    return commands
