"""
Carries out the steps of a plan, and writes them for people and machines.
"""

from collections.abc import Callable, Sequence
from typing import Any

from holdfast.apis.connection_settings import REST_NAMES
from holdfast.cli.apis import change_lifecycle, endpoint_config
from holdfast.cli.certificates import PATH as CERTIFICATES
from holdfast.cli.client import Client, segment
from holdfast.cli.declaration.steps import Action, ApiStep, CertificateStep, Step, TrustStep
from holdfast.cli.declaration.wanted import ApiKey, WantedApi, WantedCertificate
from holdfast.cli.failures import CommandFailed
from holdfast.cli.progress import counted
from holdfast.cli.trust import put_trust

_MARKS = {Action.CREATE: "+", Action.CHANGE: "~", Action.MOVE: "~", Action.DELETE: "-"}
_NOTHING = "nothing"
OURS = frozenset(REST_NAMES.values())  # in the config of an endpoint


def apply_steps(client: Client, steps: Sequence[Step]) -> None:
    """
    Carry out *steps*, one after the other.

    Raises:
        CommandFailed: One could not be done; the text says which, and how many are done.
    """
    ids: dict[ApiKey, str] = {}
    for number, step in enumerate(counted(steps, "Applying")):
        try:
            _carry_out(client, step, ids)
        except CommandFailed as error:
            done = f"{number} of {len(steps)} changes are made. Mend this and apply again: what is made stays made."
            failed = CommandFailed(f"{step.action} {step.kind} {step.name}: {error}\n{done}")
            failed.code = error.code
            raise failed from error


def say_steps(steps: Sequence[Step], say: Callable[[str], None]) -> None:
    """Write what will change."""
    for step in steps:
        say(f"{_MARKS[step.action]} {step.action} {step.kind} {step.name}")
        for each in step.details:
            if step.action is Action.DELETE:
                say(f"    {each.field}: {_shown(each.before)}")
            elif step.action is Action.CREATE:
                say(f"    {each.field}: {_shown(each.after)}")
            else:
                say(f"    {each.field}: {_shown(each.before)} -> {_shown(each.after)}")


def described(steps: Sequence[Step]) -> dict[str, Any]:
    """Write what will change, for machines."""
    changes = [
        {
            "action": step.action.value,
            "kind": step.kind,
            "name": step.name,
            "details": [{"field": each.field, "before": each.before, "after": each.after} for each in step.details],
        }
        for step in steps
    ]
    return {"count": len(changes), "changes": changes}


def _carry_out(client: Client, step: Step, ids: dict[ApiKey, str]) -> None:
    match step:
        case ApiStep(action=Action.CREATE, wanted=WantedApi() as api):
            ids[api.key] = client.call("POST", "/apis", json=_new_api(api))["id"]
        case ApiStep(action=Action.CHANGE, wanted=WantedApi() as api, existing=existing) if existing:
            _change_api(client, existing.id, api)
        case ApiStep(action=Action.MOVE, wanted=WantedApi() as api, existing=existing, actions=actions):
            for action in actions:
                change_lifecycle(client, existing.id if existing else ids[api.key], action)
        case ApiStep(existing=existing) if existing:
            client.call("DELETE", f"/apis/{segment(existing.id)}")
        case CertificateStep(wanted=WantedCertificate() as certificate):
            _upload(client, step, certificate)
        case CertificateStep():
            client.call("DELETE", f"{CERTIFICATES}/{segment(step.name)}")
        case TrustStep(wanted=trust):
            crls = None if trust.crls is None else "".join(crl.pem for crl in trust.crls)
            put_trust(client, trust.endpoint.url, trust.settings | {"crls": crls})


def _new_api(api: WantedApi) -> dict[str, Any]:
    return {
        "name": api.name,
        "context": api.context,
        "version": api.version,
        "description": api.description,
        "endpointConfig": _config(api, {}),
    }


def _change_api(client: Client, api_id: str, api: WantedApi) -> None:
    path = f"/apis/{segment(api_id)}"
    before = client.get(path)
    config = _config(api, before.get("endpointConfig") or {})
    client.call("PUT", path, json=before | {"description": api.description, "endpointConfig": config})


def _config(api: WantedApi, before: dict[str, Any]) -> dict[str, Any]:
    production, sandbox = (each.url if each else None for each in (api.production, api.sandbox))
    config = endpoint_config(before, production, sandbox)
    wanted = {"production_endpoints": api.production_connection, "sandbox_endpoints": api.sandbox_connection}
    for member, connection in wanted.items():
        if connection and (endpoint := config.get(member)):
            others = {name: value for name, value in (endpoint.get("config") or {}).items() if name not in OURS}
            endpoint["config"] = others | connection.members
    return config


def _upload(client: Client, step: CertificateStep, certificate: WantedCertificate) -> None:
    pem = "".join(each.pem for each in certificate.certificates).encode()
    files = {"certificate": ("certificate.pem", pem)}
    path = f"{CERTIFICATES}/{segment(certificate.alias)}"
    if step.existing and not step.moves:
        client.call("PUT", path, files=files)
        return
    if step.moves:
        client.call("DELETE", path)
    form = {"alias": certificate.alias, "endpoint": certificate.endpoint.url}
    client.call("POST", CERTIFICATES, data=form, files=files)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or _NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or value == "":
        return _NOTHING
    text = str(value)
    return repr(text) if "\n" in text else text
