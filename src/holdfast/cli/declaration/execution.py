"""
Executes the steps of a plan and records their results.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from holdfast.apis.identities.caller_certificate import BOTH
from holdfast.apis.label import LabeledKind
from holdfast.cli.declaration.api_bodies import build_changed_body, build_new_body
from holdfast.cli.declaration.certificate_summary import list_fingerprints
from holdfast.cli.declaration.conflict import explain_conflict
from holdfast.cli.declaration.current_state import LABELS, ExistingApi, read_certificate, read_trust
from holdfast.cli.declaration.desired_state import DEFAULT_TIER, ApiKey, WantedApi, WantedCertificate
from holdfast.cli.declaration.existing_identities import IDENTITY, build_callers_path, build_environment_path
from holdfast.cli.declaration.interruption import defer_interrupt
from holdfast.cli.declaration.plan import DEFAULTS
from holdfast.cli.declaration.steps import (
    ApiStep,
    CallerStep,
    CertificateStep,
    ChangeKind,
    IdentityStep,
    LabelStep,
    Plan,
    Step,
    TrustStep,
)
from holdfast.cli.failures import CannotConnect, CommandFailed, CommandInterrupted, RequestRefused
from holdfast.cli.requests.client import Client, encode_segment
from holdfast.cli.terminal.progress import show_progress
from holdfast.cli.trust.certificates import PATH as CERTIFICATES
from holdfast.cli.trust.trust_settings import SETTINGS


class StepResult(StrEnum):
    """The result of a step."""

    APPLIED = "applied"
    PARTLY = "partly applied"  # it needs several requests, and some were not sent
    FAILED = "failed"
    UNKNOWN = "unknown"  # a request got no response
    NOT_TRIED = "not tried"


@dataclass(slots=True)
class ApplyOutcome:
    """The progress: *done* steps are applied, *last* is the result of the next one, *failure* is why it stopped."""

    steps: Sequence[Step]
    done: int = 0
    last: StepResult = StepResult.NOT_TRIED
    failure: CommandFailed | None = None

    @property
    def results(self) -> list[StepResult]:
        """The result of each step."""
        remaining = len(self.steps) - self.done
        return [StepResult.APPLIED] * self.done + (
            [self.last] + [StepResult.NOT_TRIED] * (remaining - 1) if remaining else []
        )


def apply_plan(client: Client, plan: Plan) -> ApplyOutcome:
    """Execute the steps of *plan* in order until one fails or the user presses Ctrl-C."""
    steps = plan.steps
    outcome, publisher = ApplyOutcome(steps), _Publisher(client, plan.label, _find_versions(steps))
    with defer_interrupt() as is_interrupted:
        for step in show_progress(steps, "Applying"):
            publisher.written = 0
            try:
                _carry_out(publisher, step)
                outcome.done += 1
                if is_interrupted():
                    outcome.failure = CommandInterrupted("Interrupted.")
            except KeyboardInterrupt:
                outcome.failure, outcome.last = CommandInterrupted("Interrupted."), StepResult.UNKNOWN
            except RequestRefused as error:
                outcome.failure, outcome.last = explain_conflict(client, step, error), StepResult.FAILED
            except CommandFailed as error:
                outcome.failure = error
                outcome.last = StepResult.UNKNOWN if isinstance(error, CannotConnect) else StepResult.FAILED
            if outcome.failure:
                break
    if publisher.written and outcome.last is StepResult.FAILED:
        outcome.last = StepResult.PARTLY
    return outcome


@dataclass(slots=True)
class _Publisher:
    """Sends writes, each conditional on the version that was read or last written; *written* counts successes."""

    client: Client
    label: str = ""
    versions: Mapping[str, Collection[str]] = field(default_factory=dict)  # IDs of APIs to change, by context
    written: int = 0
    ids: dict[ApiKey, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)  # of APIs after their last write, by ID

    def write(self, method: str, path: str, tag: str = "", **more: Any) -> tuple[dict[str, Any], str]:
        """Send a request, conditional on *tag* if there is one; return the response and its tag."""
        headers = {"If-Match": tag} if tag else {}
        answer = self.client.call_with_tag(method, path, headers=headers, **more)
        self.written += 1
        return answer

    def set_label(self, kind: LabeledKind, key: str) -> None:
        """Label an object that was created with the label of the files, if they have one."""
        if self.label:
            query = {"kind": kind.value, "object": key}
            self.write("PUT", LABELS, params=query, json={"labels": [self.label]})

    def follow_default(self, api: WantedApi, api_id: str) -> None:
        """Read the tags of other versions again if *api* may have become the default version instead of one of them."""
        if api.rules.is_default:
            for other in self.versions.get(api.context, ()):
                if other != api_id:
                    self.tags[other] = self.client.read(f"/apis/{encode_segment(other)}")[1]


def _find_versions(steps: Sequence[Step]) -> dict[str, list[str]]:
    versions: dict[str, list[str]] = {}
    for step in steps:
        if isinstance(step, ApiStep) and step.existing and step.action is not ChangeKind.DELETE:
            versions.setdefault(step.existing.context, []).append(step.existing.id)
    return versions


def _carry_out(publisher: _Publisher, step: Step) -> None:
    match step:
        case ApiStep(action=ChangeKind.CREATE, goal=WantedApi() as api):
            body, tag = publisher.write("POST", "/apis", json=build_new_body(api))
            publisher.ids[api.key] = body["id"]
            publisher.tags[body["id"]] = tag
            publisher.set_label(LabeledKind.API, body["id"])
            publisher.follow_default(api, body["id"])
        case ApiStep(action=ChangeKind.CHANGE, goal=WantedApi() as api, existing=existing) if existing:
            _change_api(publisher, existing, api)
        case ApiStep(action=ChangeKind.MOVE, goal=WantedApi() as api, existing=existing, actions=actions):
            _move_api(publisher, existing, api, actions)
        case ApiStep(existing=existing) if existing:
            publisher.write("DELETE", f"/apis/{encode_segment(existing.id)}", existing.tag)
        case CertificateStep(goal=WantedCertificate() as certificate):
            _change_certificate(publisher, step, certificate)
        case CertificateStep(existing=entry) if entry:
            publisher.write("DELETE", f"{CERTIFICATES}/{encode_segment(entry.alias)}", entry.tag)
        case CallerStep():
            _change_caller(publisher, step)
        case IdentityStep(goal=identity):
            pem = "".join(certificate.pem for certificate in identity.certificates).encode()
            files = {"certificate": ("certificate.pem", pem), "key": ("key.pem", identity.key or b"")}
            publisher.write("PUT", IDENTITY, params={"endpoint": identity.endpoint.url}, files=files)
        case TrustStep():
            _change_trust(publisher, step)
        case LabelStep(kind=kind, object=key):
            publisher.set_label(kind, key)


def _change_api(publisher: _Publisher, existing: ExistingApi, api: WantedApi) -> None:
    path, body = f"/apis/{encode_segment(existing.id)}", build_changed_body(api, existing.body)
    tag = publisher.tags.get(existing.id, existing.tag)
    publisher.tags[existing.id] = publisher.write("PUT", path, tag, json=body)[1]
    publisher.follow_default(api, existing.id)


def _move_api(publisher: _Publisher, existing: ExistingApi | None, api: WantedApi, actions: Sequence[str]) -> None:
    """Take the lifecycle *actions*; without *existing*, the API was created by an earlier step."""
    api_id = existing.id if existing else publisher.ids[api.key]
    for action in actions:
        tag = publisher.tags.get(api_id) or (existing.tag if existing else "")
        query = {"action": action, "apiId": api_id}
        publisher.tags[api_id] = publisher.write("POST", "/apis/change-lifecycle", tag, params=query)[1]


def _change_certificate(publisher: _Publisher, step: CertificateStep, goal: WantedCertificate) -> None:
    path, before = f"{CERTIFICATES}/{encode_segment(goal.alias)}", step.existing
    tag = before.tag if before else ""
    relies_on_disuse = before is not None and before.retire_proposed and goal.keep_previous and not step.moves
    if before and relies_on_disuse and list_fingerprints(step.loses) & list_fingerprints(before.previous):
        _check_unused(publisher.client, goal.alias)
    if step.retires:
        publisher.write("POST", f"{path}/retire", tag)
        return
    if before and step.moves:
        publisher.write("DELETE", path, tag)
    exists = before is not None and not step.moves
    for upload in step.uploads:
        pem = "".join(certificate.pem for certificate in upload.certificates).encode()
        files = {"certificate": ("certificate.pem", pem)}
        if exists:
            query = {"keepPrevious": "true"} if upload.keep else {}
            _, tag = publisher.write("PUT", path, tag, params=query, files=files)
        else:
            form = {"alias": goal.alias, "endpoint": goal.endpoint.url}
            _, tag = publisher.write("POST", CERTIFICATES, data=form, files=files)
            publisher.set_label(LabeledKind.CERTIFICATE, goal.alias)
            exists = True


def _change_trust(publisher: _Publisher, step: TrustStep) -> None:
    trust, before = step.goal, step.existing
    crls = None if trust.crls is None else "".join(crl.pem for crl in trust.crls)
    query, settings = {"endpoint": trust.endpoint.url}, trust.settings | {"crls": crls}
    tag = before.tag if before else _read_default_tag(publisher.client, step)
    publisher.write("PUT", SETTINGS, tag, params=query, json=settings)
    if before is None:
        publisher.set_label(LabeledKind.TRUST, trust.endpoint.url)


def _change_caller(publisher: _Publisher, step: CallerStep) -> None:
    api_id = step.existing_api.id if step.existing_api else publisher.ids[step.api.key]
    path, tag = build_callers_path(api_id), step.existing.tag if step.existing else ""
    if step.goal is None:
        alias = step.existing.alias if step.existing else ""
        publisher.write("DELETE", f"{path}/{encode_segment(alias)}", tag)
        return
    caller = step.goal
    files = {"certificate": ("certificate.pem", caller.certificate.pem.encode())}
    if step.existing:
        form = {} if caller.tier is None else {"tier": caller.tier}
        form |= {} if caller.environment is None else {"environment": caller.environment}
        publisher.write("PUT", f"{path}/{encode_segment(caller.alias)}", tag, data=form, files=files)
    else:
        form = {"alias": caller.alias, "tier": DEFAULT_TIER if caller.tier is None else caller.tier}
        if caller.environment not in {None, BOTH}:
            path = build_environment_path(api_id, str(caller.environment))
        publisher.write("POST", path, data=form, files=files)
    # The first upload changes the API, too: it then requires a certificate.
    publisher.tags[api_id] = publisher.client.read(f"/apis/{encode_segment(api_id)}")[1]


def _read_default_tag(client: Client, step: TrustStep) -> str:
    """Return the tag of trust settings that nobody has set. Raises CommandFailed if someone has, since the plan."""
    trust = read_trust(client, step.name)
    if trust is None:
        return ""
    if any(trust.settings[name] != value for name, value in DEFAULTS.items() if name in trust.settings):
        raise CommandFailed(
            f"Someone else set the trust settings of {step.name} after the plan was made. They were not overwritten. "
            "Run `holdfast diff` again."
        )
    return trust.tag


def _check_unused(client: Client, alias: str) -> None:
    """Check that the backend still doesn't use the previous certificates: the user may have answered late."""
    if not read_certificate(client, alias).retire_proposed:
        raise CommandFailed(
            f"The backend of {alias} used a previous certificate after the plan was made, or hasn't been checked "
            "within the last hour. The previous certificates stay trusted. Run `holdfast diff` again."
        )
