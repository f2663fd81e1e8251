"""
Versions of what is stored: a tag that changes exactly when the content does, and conditions on it (RFC 9110, 13).
"""

import hashlib
import json
from dataclasses import asdict, replace
from typing import Any

from holdfast.apis.catalog.description import Described
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint
from holdfast.apis.definitions.documents import write_json
from holdfast.apis.identities.caller_certificate import CallerCertificate
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.apis.trust.trust_settings import TrustSettings
from holdfast.services.errors import ContentChanged

Expected = frozenset[str] | None  # the tags of which one must be the present one; None: whatever it is


def make_api_tag(described: Described) -> str:
    """
    The tag of an API with all of its description.

    It is made of what is stored, not of what REST writes, so that it outlives new members and defaults of REST.
    """
    api = described.api
    endpoints = {name: _endpoint_fields(api.endpoint(name)) for name in ENVIRONMENTS}
    fields = [api.id, api.name, api.context, api.version, api.state.value, api.description, api.provider]
    times = [api.created_at.isoformat(), api.updated_at.isoformat()]
    return make_text_tag(write_json([fields, endpoints, times, dict(described.members)]))


def _endpoint_fields(endpoint: Endpoint | None) -> list[Any]:
    return [endpoint.url, endpoint.connection.members] if endpoint else []


def make_certificate_tag(entry: EndpointCertificate) -> str:
    """The tag of an endpoint certificate."""
    prints = [[certificate.fingerprint for certificate in chain] for chain in (entry.certificates, entry.previous)]
    times = [entry.created_at.isoformat(), entry.updated_at.isoformat()]
    return make_text_tag(write_json([entry.id, entry.alias, entry.endpoint, prints, times]))


def make_caller_tag(entry: CallerCertificate) -> str:
    """The tag of a caller's certificate."""
    times = [entry.created_at.isoformat(), entry.updated_at.isoformat()]
    return make_text_tag(write_json([entry.id, entry.alias, entry.tier, entry.certificate.fingerprint, times]))


def make_settings_tag(settings: TrustSettings) -> str:
    """The tag of the decisions about an origin, including an exception; certificates have tags of their own."""
    values = asdict(replace(settings, revocation=()))
    crls = [crl.fingerprint for crl in settings.revocation]
    return make_text_tag(json.dumps([values, crls], default=str))


def make_text_tag(text: str) -> str:
    """The tag of a document."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def check_expected(expected: Expected, tag: str) -> None:
    """Raise ContentChanged when another content was expected; in the transaction that changes it."""
    if expected is not None and tag not in expected:
        raise ContentChanged
