"""
The explanation of a rejected backend whose chain is known: every fault, the path that was tried, one remedy.
"""

from collections.abc import Sequence

from holdfast.apis.url import parse_host
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.choices import ChainRole
from holdfast.certificates.comparison import Path, find_path
from holdfast.certificates.findings.finding import display
from holdfast.certificates.identity import list_typed_names, parse_reference, presents
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.explanation import Explanation, SuggestedAction
from holdfast.gateway.failures.explanations import EXPLANATIONS
from holdfast.gateway.failures.presented_names import SHOWN_NAMES
from holdfast.gateway.resources.public_roots import read_public_roots
from holdfast.services.probing.faults import Fault
from holdfast.services.probing.offers import Offer
from holdfast.services.probing.terms import Terms

_OF_ISSUER = {Cause.SELF_SIGNED_NOT_TRUSTED, Cause.CHAIN_INCOMPLETE, Cause.UNKNOWN_ISSUER}
_KINDS = {
    ChainRole.ROOT: "the root CA that the backend sends",
    ChainRole.INTERMEDIATE: "the CA certificate that the backend sends",
    ChainRole.LEAF: "the backend's own certificate",
}


def advise(
    faults: Sequence[Fault],
    chain: Sequence[Certificate],
    terms: Terms,
    offer: Offer | None,
    *,
    is_complete: bool = True,
) -> Explanation:
    """
    Return an explanation of *faults*, the first of which determines the remedy; importing *offer* would help.

    *is_complete* is False if gateways didn't answer for all certificates that might help.
    """
    path = find_path(chain, terms.trust, read_public_roots() if terms.trust.public_roots else ())
    first, *others = (_write_sentence(fault, path) for fault in faults)
    sentence = " ".join((first, *(f"Also: {other}" for other in others)))
    remedy, action = _choose_remedy(faults, path, terms, offer, is_complete=is_complete)
    return Explanation(sentence, remedy, action)


def _write_sentence(fault: Fault, path: Path) -> str:
    return " ".join(filter(None, (EXPLANATIONS[fault.cause].sentence, _write_detail(fault, path))))


def _write_detail(fault: Fault, path: Path) -> str:
    if fault.cause in _OF_ISSUER:
        return _describe_path(path)
    if fault.cause is Cause.HOSTNAME_MISMATCH and fault.difference:
        names = list_typed_names(path.leaf)
        more = " and others" if len(names) > SHOWN_NAMES else ""
        name_list = ", ".join(display(name) for name in names[:SHOWN_NAMES])
        return f"It has {name_list}{more}; the gateway looks for {fault.difference.expected}."
    if fault.cause in {Cause.EXPIRED, Cause.NOT_YET_VALID} and fault.difference:
        time, _, which = fault.difference.presented.partition(", of ")
        verb = "expired" if fault.cause is Cause.EXPIRED else "becomes valid"
        return f"{which[:1].upper()}{which[1:]}, {verb} at {time}."
    return ""


def _describe_path(path: Path) -> str:
    """Return which path the gateway tried, and where it ended; empty if it reached a trust anchor."""
    if path.is_anchored:
        return ""
    steps = " -> ".join(display(certificate.subject) or "(no name)" for certificate in path.certificates)
    if path.top.is_self_issued:
        end = "which is self-signed and not trusted"
    elif path.unable:
        end = (
            f"whose issuer, {display(path.unable.subject)}, may not issue certificates: its keyUsage lacks keyCertSign"
        )
    else:
        end = f"whose issuer, {display(path.top.issuer) or '(no name)'}, is neither sent by the backend nor trusted"
    sentence = f"The gateway tried the path {steps}, {end}."
    if path.alternative:
        sentence += (
            f" The backend also sends a certificate of {display(path.alternative.subject)} that was issued by "
            f"{display(path.alternative.issuer)}, which is trusted, but gateways try only one path."
        )
    return sentence


def _choose_remedy(
    faults: Sequence[Fault], path: Path, terms: Terms, offer: Offer | None, *, is_complete: bool
) -> tuple[str, SuggestedAction | None]:
    cause = faults[0].cause
    if offer:
        action = SuggestedAction.REPLACE_CERTIFICATE if offer.instead else SuggestedAction.IMPORT_CERTIFICATE
        return _advise_import(cause, offer, path, terms), action
    if cause in {Cause.EXPIRED, Cause.NOT_YET_VALID}:
        return _advise_renewal(faults), None
    if cause in {Cause.HOSTNAME_MISMATCH, Cause.NO_SUBJECT_ALT_NAME}:
        return _advise_name(path, terms), SuggestedAction.CHANGE_TRUST_SETTINGS
    if cause in _OF_ISSUER and not terms.uses_imported:
        remedy = "The trust settings trust only public CAs. Allow imported certificates there."
        return remedy, SuggestedAction.CHANGE_TRUST_SETTINGS
    if EXPLANATIONS[cause].action not in {SuggestedAction.IMPORT_CERTIFICATE, SuggestedAction.REPLACE_CERTIFICATE}:
        return EXPLANATIONS[cause].remedy, EXPLANATIONS[cause].action
    if not is_complete:
        return EXPLANATIONS[cause].remedy, SuggestedAction.TEST_ENDPOINT
    return "Ask the backend's operator for another certificate: importing one that it presents wouldn't help.", None


def _advise_import(cause: Cause, offer: Offer, path: Path, terms: Terms) -> str:
    what = f"{_KINDS[offer.role]}, {display(offer.certificate.subject) or '(no name)'}"
    condition = "after verifying its fingerprint with the backend's operator"
    if offer.instead and len(terms.aliases) == 1:
        return f"Replace {terms.aliases[0]} with {what}, {condition}. Importing it in addition wouldn't help."
    if offer.instead:
        return f"Import {what}, {condition}, and delete the other certificates of this endpoint, which prevent its use."
    if cause is Cause.CHAIN_INCOMPLETE and path.sent_count == 1:
        issuer = display(path.top.issuer) or "(no name)"
        return (
            f"If a trusted CA issued the certificate of {issuer}, have the backend send it; or import {what}, "
            f"{condition}."
        )
    return f"Import {what}, {condition}."


def _advise_renewal(faults: Sequence[Fault]) -> str:
    if faults[0].cause is Cause.EXPIRED:
        remedy = "Renew it at the backend: an expired certificate can't be imported."
    else:
        remedy = "Wait until it is valid, or correct the clock of the machine that issued it."
    if any(fault.cause in _OF_ISSUER for fault in faults):
        remedy += " Then import the certificate that the backend presents."
    return remedy


def _advise_name(path: Path, terms: Terms) -> str:
    accepted_names = " or ".join(map(str, terms.trust.accepted_names[:SHOWN_NAMES]))
    ask = f"ask for a certificate with the subjectAltName {accepted_names}"
    if names := list_usable_names(path.leaf)[:SHOWN_NAMES]:
        which = "its name" if len(names) == 1 else "one of its names"
        return f"Accept {which} ({', '.join(names)}) in the trust settings, or {ask}."
    return f"Pin this certificate in the trust settings and skip the host-name check there, or {ask}."


def list_usable_names(leaf: Certificate) -> list[str]:
    """List the names of *leaf* that gateways match if they are accepted in the trust settings."""
    names = []
    for name in leaf.dns_names + leaf.ip_addresses:
        try:
            host = parse_host(name)
        except ValueError:
            continue
        if host not in names and presents(leaf, parse_reference(host)):
            names.append(host)
    return names
