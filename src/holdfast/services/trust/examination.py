"""
Findings about the certificates of endpoints, before and after they are imported.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.endpoint import Origin, parse_endpoint
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.apis.trust.trust_settings import TrustSettings, build_trust_set
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.findings.examination import Finding, examine_all, judge_revocation
from holdfast.certificates.formats.parsing import SkippedPart, UsedCertificate
from holdfast.certificates.validity import explain_expiry
from holdfast.services.access.context import Context
from holdfast.services.trust.endpoints import find_unused
from holdfast.services.trust.uploads import open_upload
from holdfast.store.trust import endpoint_certificates, trust_settings


@dataclass(frozen=True, slots=True)
class Inspection:
    """
    The contents of a file and findings about it; nothing was stored.

    *refusal* is why an import of the file is refused whatever its alias and endpoint; empty: it isn't.
    """

    certificates: tuple[Certificate, ...]
    findings: tuple[Finding, ...]
    ignored_parts: tuple[SkippedPart, ...]
    used_parts: tuple[UsedCertificate, ...]
    refusal: str


def inspect(
    context: Context,
    data: bytes,
    endpoint: str,
    password: str | None = None,
    alias: str = "",
) -> Inspection:
    """
    Examine a file without importing it; names are checked only with an *endpoint*.

    The expected names are those in the trust settings of its origin, or else its host. Certificates that the origin
    already trusts are reported, except those under *alias*, which the file would replace.

    *password* opens a PKCS#12 or Java truststore that needs one.

    Raises:
        CertificateError: *data* can't be read as certificates.
        InvalidField: *endpoint* isn't a URL.
    """
    upload = open_upload(context, data, password)
    everything = [*upload.certificates, *upload.repeated]
    if endpoint:
        origin = parse_endpoint(endpoint).origin
        with context.read() as session:
            findings = examine(session, context.user.organization, origin, alias, everything, context.now)
    else:
        findings = examine_all(everything, (), context.now)
    refusal = explain_expiry(upload.certificates, context.now)
    return Inspection(upload.certificates, tuple(findings), upload.ignored, upload.used, refusal)


def examine_entry(context: Context, entry: EndpointCertificate) -> list[Finding]:
    """Return findings about the certificates of *entry*, with the names that the backend must present."""
    origin = parse_endpoint(entry.origin).origin
    with context.read() as session:
        findings = examine(session, entry.organization, origin, entry.alias, entry.certificates, context.now)
        return [*findings, *find_unused(session, entry)]


def examine(
    session: Session, organization: str, origin: Origin, alias: str, certificates: Sequence[Certificate], now: datetime
) -> list[Finding]:
    """Return findings about the current or future certificates of *alias*, for a backend at *origin*."""
    settings_by_origin = trust_settings.list_by_origin(session, organization, [str(origin)])
    settings = settings_by_origin.get(str(origin)) or TrustSettings(organization, str(origin))
    # The backend must present one of these; empty if the trust settings skip the host-name check.
    names = build_trust_set(settings.readable, (), origin.reference, now).accepted_names
    elsewhere = endpoint_certificates.list_aliases_with(session, organization, str(origin), certificates, but=alias)
    findings = examine_all(certificates, names, now, elsewhere)
    if settings.revocation:
        entries = endpoint_certificates.list_of_origins(session, organization, [str(origin)])
        others = [certificate for entry in entries if entry.alias != alias for certificate in entry.readable]
        trust = build_trust_set(settings, [*others, *certificates], origin.reference, now)
        own = {certificate.fingerprint for certificate in certificates}
        findings += [finding for finding in judge_revocation(trust, now) if finding.fingerprint in own]
    return findings
