"""
Executes the steps of a plan and records their results.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from holdfast.apis.catalog.connection_settings import REST_NAMES
from holdfast.apis.identities.caller_certificate import require_certificate, requires_certificate
from holdfast.cli.catalog.apis import endpoint_config
from holdfast.cli.declaration.certificate_summary import fingerprints
from holdfast.cli.declaration.conflict import explain_conflict
from holdfast.cli.declaration.current_state import read_certificate
from holdfast.cli.declaration.desired_state import ApiKey, WantedApi, WantedCertificate
from holdfast.cli.declaration.interruption import deferred_interrupt
from holdfast.cli.declaration.steps import ApiStep, CertificateStep, ChangeKind, Step, TrustStep
from holdfast.cli.failures import CannotConnect, CommandFailed, Interrupted, Refused
from holdfast.cli.requests.client import Client, segment
from holdfast.cli.terminal.progress import counted
from holdfast.cli.trust.certificates import PATH as CERTIFICATES
from holdfast.cli.trust.trust_settings import SETTINGS

OURS = frozenset(REST_NAMES.values())  # members that apply manages in the config of an endpoint


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
        left = len(self.steps) - self.done
        return [StepResult.APPLIED] * self.done + ([self.last] + [StepResult.NOT_TRIED] * (left - 1) if left else [])


def apply_steps(client: Client, steps: Sequence[Step]) -> ApplyOutcome:
    """Execute *steps* in order until one fails or the user presses Ctrl-C."""
    outcome, publisher = ApplyOutcome(steps), _Publisher(client)
    with deferred_interrupt() as is_interrupted:
        for step in counted(steps, "Applying"):
            publisher.written = 0
            try:
                _carry_out(publisher, step)
                outcome.done += 1
                if is_interrupted():
                    outcome.failure = Interrupted("Interrupted.")
            except KeyboardInterrupt:
                outcome.failure, outcome.last = Interrupted("Interrupted."), StepResult.UNKNOWN
            except Refused as error:
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
    written: int = 0
    ids: dict[ApiKey, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)  # of APIs after their last write, by ID

    def write(self, method: str, path: str, tag: str = "", **more: Any) -> tuple[dict[str, Any], str]:
        """Send a request, conditional on *tag* if there is one; return the response and its tag."""
        headers = {"If-Match": tag} if tag else {}
        answer = self.client.tagged(method, path, headers=headers, **more)
        self.written += 1
        return answer


def _carry_out(publisher: _Publisher, step: Step) -> None:
    match step:
        case ApiStep(action=ChangeKind.CREATE, wanted=WantedApi() as api):
            body, tag = publisher.write("POST", "/apis", json=_new_api(api))
            publisher.ids[api.key] = body["id"]
            publisher.tags[body["id"]] = tag
        case ApiStep(action=ChangeKind.CHANGE, wanted=WantedApi() as api, existing=existing) if existing:
            config = _config(api, existing.body.get("endpointConfig") or {})
            changed = existing.body | {"description": api.description, "endpointConfig": config}
            if api.environments:
                changed["gatewayEnvironments"] = list(api.environments)
            if api.requires_certificate is not None:
                changed = _require_certificate(changed, required=api.requires_certificate)
            path = f"/apis/{segment(existing.id)}"
            publisher.tags[existing.id] = publisher.write("PUT", path, existing.tag, json=changed)[1]
        case ApiStep(action=ChangeKind.MOVE, wanted=WantedApi() as api, existing=existing, actions=actions):
            api_id = existing.id if existing else publisher.ids[api.key]
            for action in actions:
                tag = publisher.tags.get(api_id) or (existing.tag if existing else "")
                query = {"action": action, "apiId": api_id}
                publisher.tags[api_id] = publisher.write("POST", "/apis/change-lifecycle", tag, params=query)[1]
        case ApiStep(existing=existing) if existing:
            publisher.write("DELETE", f"/apis/{segment(existing.id)}", existing.tag)
        case CertificateStep(wanted=WantedCertificate() as certificate):
            _change_certificate(publisher, step, certificate)
        case CertificateStep(existing=entry) if entry:
            publisher.write("DELETE", f"{CERTIFICATES}/{segment(entry.alias)}", entry.tag)
        case TrustStep(wanted=trust, existing=before):
            crls = None if trust.crls is None else "".join(crl.pem for crl in trust.crls)
            query, settings = {"endpoint": trust.endpoint.url}, trust.settings | {"crls": crls}
            publisher.write("PUT", SETTINGS, before.tag if before else "", params=query, json=settings)


def _change_certificate(publisher: _Publisher, step: CertificateStep, wanted: WantedCertificate) -> None:
    path, before = f"{CERTIFICATES}/{segment(wanted.alias)}", step.existing
    tag = before.tag if before else ""
    relies_on_disuse = before is not None and before.retire_proposed and wanted.keep_previous and not step.moves
    if before and relies_on_disuse and fingerprints(step.loses) & fingerprints(before.previous):
        _check_unused(publisher.client, wanted.alias)
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
            form = {"alias": wanted.alias, "endpoint": wanted.endpoint.url}
            _, tag = publisher.write("POST", CERTIFICATES, data=form, files=files)
            exists = True


def _check_unused(client: Client, alias: str) -> None:
    """Check that the backend still doesn't use the previous certificates: the user may have answered late."""
    if not read_certificate(client, alias).retire_proposed:
        raise CommandFailed(
            f"The backend of {alias} used a previous certificate after the plan was made, or hasn't been checked "
            "within the last hour. The previous certificates stay trusted. Run `holdfast diff` again."
        )


def _new_api(api: WantedApi) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": api.name,
        "context": api.context,
        "version": api.version,
        "description": api.description,
        "endpointConfig": _config(api, {}),
    }
    if api.environments:
        body["gatewayEnvironments"] = list(api.environments)
    return require_certificate(body) if api.requires_certificate else body


def _require_certificate(body: dict[str, Any], *, required: bool) -> dict[str, Any]:
    if required:
        return require_certificate(body)
    others = [scheme for scheme in body["securityScheme"] if not requires_certificate({"securityScheme": [scheme]})]
    return body | {"securityScheme": others}


def _config(api: WantedApi, before: dict[str, Any]) -> dict[str, Any]:
    production, sandbox = (endpoint.url if endpoint else None for endpoint in (api.production, api.sandbox))
    config = endpoint_config(before, production, sandbox)
    wanted = {"production_endpoints": api.production_connection, "sandbox_endpoints": api.sandbox_connection}
    for member, connection in wanted.items():
        if connection and (endpoint := config.get(member)):
            others = {name: value for name, value in (endpoint.get("config") or {}).items() if name not in OURS}
            endpoint["config"] = others | connection.members
    return config
