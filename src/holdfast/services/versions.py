"""
Entity tags, which change exactly when the stored content does, and conditions on them (RFC 9110, section 13).
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any

from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.document import Document
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint
from holdfast.apis.catalog.endpoint_group import EndpointGroup
from holdfast.apis.catalog.security_members import summarize_security
from holdfast.apis.definitions.documents import write_json
from holdfast.apis.gateways.group import Group, write_address
from holdfast.apis.identities.caller_certificate import CallerCertificate
from holdfast.apis.notifications.channel import Channel
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.apis.trust.trust_settings import TrustSettings
from holdfast.services.errors import ContentChanged
from holdfast.store.access.accounts import User

Expected = frozenset[str] | None  # the current tag must be one of these; None: any


def make_api_tag(full_api: FullApi) -> str:
    """
    Return the tag of an API with its whole description.

    It is computed from what is stored, not from what REST writes, so new members and defaults in REST don't change it.
    """
    api = full_api.api
    endpoints = {name: _list_endpoint_fields(api.find_endpoint(name), api.find_group(name)) for name in ENVIRONMENTS}
    fields = [api.id, api.name, api.context, api.version, api.state.value, api.description, api.provider]
    times = [api.created_at.isoformat(), api.updated_at.isoformat()]
    return make_text_tag(write_json([fields, endpoints, times, dict(full_api.members)]))


def _list_endpoint_fields(endpoint: Endpoint | None, group: EndpointGroup | None) -> list[Any]:
    if endpoint is None:
        return []
    further = [value for value in (summarize_security(endpoint.security), group.values if group else None) if value]
    return [endpoint.url, endpoint.connection.members, *further]


def make_certificate_tag(entry: EndpointCertificate) -> str:
    """Return the tag of an endpoint certificate."""
    prints = [[certificate.fingerprint for certificate in chain] for chain in (entry.certificates, entry.previous)]
    times = [entry.created_at.isoformat(), entry.updated_at.isoformat()]
    return make_text_tag(write_json([entry.id, entry.alias, entry.endpoint, prints, times]))


def make_caller_tag(entry: CallerCertificate) -> str:
    """Return the tag of a caller certificate."""
    times = [entry.created_at.isoformat(), entry.updated_at.isoformat()]
    fields = [entry.id, entry.alias, entry.tier, entry.certificate.fingerprint, times]
    return make_text_tag(write_json([*fields, entry.environment] if entry.environment else fields))


def make_document_tag(document: Document) -> str:
    """Return the tag of a document of an API; its content has its own."""
    times = [document.created_at.isoformat(), document.updated_at.isoformat()]
    return make_text_tag(json.dumps([document.id, asdict(document.draft), document.file_name, times]))


def make_file_tag(content: bytes) -> str:
    """Return the tag of a file."""
    return hashlib.sha256(content).hexdigest()[:32]


def make_settings_tag(settings: TrustSettings) -> str:
    """Return the tag of an origin's trust settings, including an exception; certificates have their own tags."""
    values = asdict(replace(settings, revocation=()))
    crls = [crl.fingerprint for crl in settings.revocation]
    return make_text_tag(json.dumps([values, crls], default=str))


def make_group_tag(group: Group) -> str:
    """Return the tag of a group of gateways."""
    listen = {member: list(map(write_address, addresses)) for member, addresses in group.listen.items()}
    return make_text_tag(write_json([group.name, group.display_name, group.description, dict(group.urls), listen]))


def make_channel_tag(channel: Channel) -> str:
    """Return the tag of a notification channel with its secrets; what was delivered isn't part of it."""
    lists = [list(channel.recipients), list(channel.events)]
    return make_text_tag(write_json([channel.id, channel.sealed.hex(), channel.audience, *lists]))


def make_owners_tag(owners: Collection[str]) -> str:
    """Return the tag of the owners of an object."""
    return make_text_tag(write_json(sorted(owners)))


def make_user_tag(user: User) -> str:
    """Return the tag of what admins change of a user: roles, and whether they can sign in."""
    return make_text_tag(write_json([user.id, sorted(user.roles), user.disabled]))


def make_text_tag(text: str) -> str:
    """Return the tag of a document."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def check_expected(expected: Expected, tag: str) -> None:
    """Raise ContentChanged unless *tag* is *expected*. Call this in the transaction that makes the change."""
    if expected is not None and tag not in expected:
        raise ContentChanged(tag)
