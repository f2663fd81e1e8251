"""No operation writes a secret to the audit log: neither what it takes, nor what it returns."""

import uuid

import pytest
from sqlalchemy import select

from holdfast.services.access.permissions import Role
from holdfast.store.tables import AuditEventRow
from rest.calls import APIS
from rest.operations import REQUESTS, House

NAMES = {"password", "current", "new", "secret", "token", "clientSecret", "client_secret", "access_token"}


def secrets_in(value):
    """Yield the texts of members that are secrets, at any depth."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name in NAMES and isinstance(member, str) and member not in {"", "x", "any"}:
                yield member
            yield from secrets_in(member)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from secrets_in(entry)


def keys_in(request):
    """Yield a line of each private key in the files of a request."""
    for _, content, *_ in (request.get("files") or {}).values():
        data = content if isinstance(content, bytes) else b""
        for block in data.split(b"-----BEGIN ")[1:]:
            if b"PRIVATE KEY" in block.split(b"-----")[0]:
                yield block.splitlines()[1].decode()


@pytest.mark.long
def test_no_secret_of_any_operation_is_in_the_audit_log(shared_runtime, enlist, sign_in):
    organization, secrets = str(uuid.uuid4()), set()
    admin, clara = (enlist(organization, f"{name} of {organization}", Role.ADMIN) for name in ("admin", "clara"))
    house = House(shared_runtime, sign_in(admin), clara)

    def note(request):
        secrets.update(secrets_in(request.get("json") or {}), secrets_in(request.get("data") or {}), keys_in(request))
        return request

    api = house.owner.get(f"{APIS}/{house.ids['api_id']}").json()
    for text in ("one-word-nobody-may-see", "another-word-nobody-may-see"):  # clients store what they like in members
        secrets.add(text)
        api["businessInformation"] = {"technicalOwner": text}
        assert house.owner.put(f"{APIS}/{api['id']}", json=api).status_code == 200
    last = ("DELETE /apis/{api_id}", "DELETE /account/sessions/{session_id}", "PUT /account/password")
    for operation in sorted(REQUESTS, key=lambda name: (name in last, name.startswith("DELETE"))):
        answer = house.ask(house.owner, operation, change=note)
        if answer.headers.get("content-type", "") == "application/json":
            secrets.update(secrets_in(answer.json()))
    assert len(secrets) > 6
    with shared_runtime.store.read() as session:
        rows = session.scalars(select(AuditEventRow)).all()
    text = "\n".join(repr({name: value for name, value in vars(row).items() if name[0] != "_"}) for row in rows)
    assert any(row.organization_id == organization and row.action == "create user" for row in rows)
    assert [secret for secret in secrets if secret in text] == []
