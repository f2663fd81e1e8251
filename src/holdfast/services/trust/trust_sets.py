"""
The trust sets of origins, as stored.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.errors import UnreadableData
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.apis.trust.trust_settings import TrustSettings, build_trust_set
from holdfast.certificates.trust import TrustSet
from holdfast.store.trust import endpoint_certificates, trust_settings


def read_trust_sets(
    session: Session,
    organization: str,
    origins: Collection[str],
    now: datetime,
    after: Mapping[str, EndpointCertificate] | None = None,
) -> tuple[dict[str, TrustSet], dict[str, str]]:
    """
    Return the trust sets of *origins*, and why those of the others can't be built, both by origin.

    *after* are changed endpoint certificates, by id. An origin with a certificate or settings that can't be read has
    no trust set: falling back to the public roots would change what is trusted.
    """
    entries: defaultdict[str, list[EndpointCertificate]] = defaultdict(list)
    for entry in endpoint_certificates.list_of_origins(session, organization, origins):
        entries[entry.origin].append((after or {}).get(entry.id, entry))
    settings_by_origin = trust_settings.list_by_origin(session, organization, origins)
    trust: dict[str, TrustSet] = {}
    problems: dict[str, str] = {}
    for origin in origins:
        settings = settings_by_origin.get(origin) or TrustSettings(organization, origin)
        try:
            certificates = [certificate for entry in entries[origin] for certificate in entry.trusted]
            trust[origin] = build_trust_set(settings, certificates, parse_endpoint(origin).origin.reference, now)
        except UnreadableData as error:
            problems[origin] = str(error)
    return trust, problems
