"""
Changes of many endpoint certificates at once: each is one transaction, which changes all of them or none.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.formats.parts import MAX_CERTIFICATES
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import Conflict, NotFound
from holdfast.services.inventory.completion import complete_facts
from holdfast.services.trust import admission, removal
from holdfast.services.trust.endpoint_certificates import read_upload, save_replacement
from holdfast.store.trust import endpoint_certificates, inventory
from holdfast.store.trust.inventory import Users

MOST_AT_ONCE = 1_000  # other writers wait meanwhile


@dataclass(frozen=True, slots=True)
class Replacement:
    """
    A certificate to replace wherever it is trusted, by its SHA-256 *fingerprint*, and the file that replaces it.

    *aliases* limits it to some of the aliases; None: all. With *keep*, the old certificates stay trusted until they are
    retired.
    """

    fingerprint: str  # hex digits, in either case and with or without colons
    data: bytes
    password: str | None = None
    aliases: Collection[str] | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True)
class PlannedReplacement:
    """An endpoint certificate before and after, the APIs that use it, and why it can't be changed; None: it can."""

    before: EndpointCertificate
    after: EndpointCertificate
    users: Users | None
    refusal: Refusal | None


class ReplacementRefused(Refusal):
    """Some of the endpoint certificates can't be changed, so none was."""

    field = "certificate"

    def __init__(self, replacements: Sequence[PlannedReplacement]) -> None:
        self.refused = tuple(replacements)
        first = self.refused[0]
        others = f" {len(replacements) - 1} others can't be changed either." if len(replacements) > 1 else ""
        super().__init__(
            f"Nothing was replaced. {first.before.alias}: {first.refusal}{others} "
            "To replace the others, name only their aliases."
        )


def delete_certificates(context: Context, aliases: Sequence[str]) -> list[EndpointCertificate]:
    """
    Stop trusting the certificates under all *aliases*; each can be restored. Return the deleted entries.

    Raises:
        InvalidField: There is no alias, or there are too many.
        NotFound: An alias doesn't exist. Nothing was deleted.
    """
    context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    _check_number(aliases)
    with context.write() as session:
        entries = _find_all(session, context, aliases)
        removal.delete_entries(session, context, entries)
    return entries


def plan_replacement(context: Context, replacement: Replacement) -> list[PlannedReplacement]:
    """
    Return what `replace_everywhere` would do, by alias; nothing is saved. Raises as it does.
    """
    context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    certificates = read_upload(context, replacement.data, replacement.password).certificates
    complete_facts(context.store, context.user.organization)
    with context.read() as session:
        return _plan(session, context, replacement, certificates)


def replace_everywhere(context: Context, replacement: Replacement) -> list[PlannedReplacement]:
    """
    Replace a certificate wherever it is currently trusted; other certificates of the same aliases stay.

    Raises:
        NotFound: Nothing trusts a certificate with this fingerprint, or one of the aliases doesn't.
        InvalidField: The fingerprint isn't one, or the aliases are too many.
        CertificateError: The file can't be read as certificates.
        CertificateExpired: All its certificates have expired.
        ReplacementRefused: Some aliases can't be changed. Nothing was replaced.
    """
    context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    certificates = read_upload(context, replacement.data, replacement.password).certificates
    complete_facts(context.store, context.user.organization)
    with context.write() as session:
        plan = _plan(session, context, replacement, certificates)
        if impossible := [step for step in plan if step.refusal]:
            raise ReplacementRefused(impossible)
        for step in plan:
            save_replacement(session, context, step.before, step.after, keep=replacement.keep)
    return plan


def _plan(
    session: Session, context: Context, replacement: Replacement, certificates: Sequence[Certificate]
) -> list[PlannedReplacement]:
    fingerprint = _read_fingerprint(replacement.fingerprint)
    trusting = inventory.list_aliases_with_certificate(session, context.user.organization, fingerprint)
    aliases = trusting if replacement.aliases is None else sorted(set(replacement.aliases))
    if missing := sorted(set(aliases) - set(trusting)):
        raise NotFound("endpoint certificate with this fingerprint and the alias", missing[0])
    if not trusting:
        raise NotFound("trusted certificate with the fingerprint", fingerprint)
    _check_number(aliases)
    entries = endpoint_certificates.list_with_aliases(session, context.user.organization, aliases)
    users = inventory.list_users(session, context.user.organization, {entry.origin for entry in entries})
    replacements = []
    for before in entries:
        parts = (
            certificates if certificate.fingerprint == fingerprint else (certificate,)
            for certificate in before.certificates
        )
        current = {certificate.fingerprint: certificate for part in parts for certificate in part}
        after = before.replace_certificates(tuple(current.values()), context.now, keep=replacement.keep)
        replacements.append(PlannedReplacement(before, after, users.get(before.origin), _find_refusal(session, after)))
    return replacements


def _find_refusal(session: Session, after: EndpointCertificate) -> Refusal | None:
    if len(after.certificates) > MAX_CERTIFICATES:
        return Conflict("certificate", f"It would have more than {MAX_CERTIFICATES} certificates.")
    try:
        admission.refuse_indistinguishable(session, after)
    except Refusal as refusal:
        return refusal
    return None


def _find_all(session: Session, context: Context, aliases: Sequence[str]) -> list[EndpointCertificate]:
    entries = endpoint_certificates.list_with_aliases(session, context.user.organization, aliases)
    if missing := sorted(set(aliases) - {entry.alias for entry in entries}):
        raise NotFound("endpoint certificate", missing[0])
    return entries


def _check_number(aliases: Collection[str]) -> None:
    if not aliases:
        raise InvalidField("aliases", "Name at least one alias.")
    if len(aliases) > MOST_AT_ONCE:
        message = f"These are {len(aliases):,} certificates; at most {MOST_AT_ONCE:,} can be changed at once."
        raise InvalidField("aliases", message)


def _read_fingerprint(text: str) -> str:
    digits = text.replace(":", "").replace(" ", "").lower()
    if len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise InvalidField("fingerprint", "This isn't a SHA-256 fingerprint. Enter 64 hex digits.")
    return digits
