"""
The steps that lead to the desired caller certificates and gateway identities.
"""

from collections.abc import Iterator
from datetime import datetime

from holdfast.certificates.errors import CertificateError
from holdfast.certificates.formats.credentials import read_credential
from holdfast.cli.declaration.certificate_summary import CertificateSummary, list_fingerprints, summarize_certificate
from holdfast.cli.declaration.current_state import CurrentState
from holdfast.cli.declaration.desired_state import DesiredState, WantedCaller, WantedIdentity
from holdfast.cli.declaration.existing_identities import ExistingCaller, ExistingIdentity
from holdfast.cli.declaration.fields import Problems
from holdfast.cli.declaration.steps import CallerStep, ChangeKind, Detail, IdentityStep
from holdfast.cli.declaration.wording import show_text


def plan_callers(goal: DesiredState, existing: CurrentState, problems: Problems, now: datetime) -> Iterator[CallerStep]:
    """Yield the steps for caller certificates of APIs whose files list them; deletions come first."""
    for key, api in goal.apis.items():
        if api.callers is None:
            continue
        if api.callers and api.requires_certificate is False:
            problems.add(api.place, "Caller certificates have no effect without requireCallerCertificate.")
        before = existing.apis.get(key)
        present = dict(before.callers) if before else {}
        callers = {caller.alias: caller for caller in api.callers}
        for alias, caller in present.items():
            if alias not in callers:
                yield CallerStep(ChangeKind.DELETE, api, before, None, caller, _compare_callers(caller, None))
        for alias, wanted_caller in callers.items():
            present_entry = present.get(alias)
            details = _compare_callers(present_entry, wanted_caller)
            if details and wanted_caller.certificate.not_after <= now:
                problems.add(wanted_caller.place, "The certificate has expired. Use the replacement.")
            if details:
                action = ChangeKind.CHANGE if present_entry else ChangeKind.CREATE
                yield CallerStep(action, api, before, wanted_caller, present_entry, details)


def plan_identities(
    goal: DesiredState, existing: CurrentState, problems: Problems, now: datetime
) -> Iterator[IdentityStep]:
    """Yield the steps for origins to which gateways present something else."""
    for origin, identity in goal.identities.items():
        before = existing.identities.get(origin, ExistingIdentity())
        chain = _read_chain(identity, problems)
        is_same = (
            list_fingerprints(before.chain) == list_fingerprints(chain)
            if identity.key
            else bool(before.chain) and list_fingerprints(before.chain) <= list_fingerprints(chain)
        )
        if is_same or not chain:
            continue
        if identity.key is None:
            problems.add(identity.key_place, "The identity must be uploaded, but the variable with its key isn't set.")
        if chain[0].not_after <= now:
            problems.add(identity.place, "The certificate has expired. Use the replacement.")
        own = before.chain[0] if before.chain else None
        details = [Detail("certificate", str(own) if own else None, str(chain[0]))]
        if own and own.fingerprint == chain[0].fingerprint:
            details = [Detail("chain", sorted(list_fingerprints(before.chain)), sorted(list_fingerprints(chain)))]
        yield IdentityStep(ChangeKind.CHANGE if own else ChangeKind.CREATE, identity, tuple(details))


def _read_chain(identity: WantedIdentity, problems: Problems) -> tuple[CertificateSummary, ...]:
    """Return the chain that gateways would present, or all certificates if the key is unknown."""
    if identity.key is None:
        return tuple(map(summarize_certificate, identity.certificates))
    pem = "".join(certificate.pem for certificate in identity.certificates).encode()
    try:
        return tuple(map(summarize_certificate, read_credential(pem, None, identity.key).chain))
    except CertificateError as error:
        problems.add(identity.key_place, str(error))
        return ()


def _compare_callers(before: ExistingCaller | None, after: WantedCaller | None) -> tuple[Detail, ...]:
    old = before.fingerprint if before else None
    new = after.certificate.fingerprint if after else None
    details = [Detail("fingerprint", old, new)] if old != new else []
    if details and after:
        details.append(Detail("subject", None, show_text(after.certificate.subject)))
    if after and after.tier is not None and (before is None or before.tier != after.tier):
        details.append(Detail("tier", before.tier if before else None, after.tier))
    if after and after.environment is not None and (before is None or before.environment != after.environment):
        details.append(Detail("environment", before.environment if before else None, after.environment))
    return tuple(details)
