"""
Converts entries of files to the values of the desired state.
"""

import hashlib
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.apis.catalog.api import check_context, check_description, check_name, check_version
from holdfast.apis.catalog.endpoint import Endpoint, Environment, parse_endpoint
from holdfast.apis.catalog.endpoint_security import SecurityDraft, read_kind
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.catalog.security_members import PASSWORD, SECRETS, read_security
from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.apis.identities.caller_certificate import BOTH, check_environments, check_tier
from holdfast.apis.trust.endpoint_certificate import check_alias
from holdfast.apis.trust.trust_draft import TrustDraft, check_draft
from holdfast.apis.trust.trust_settings import AnchorMode, TrustSettings
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.formats.parsing import MAX_BYTES as MAX_CERTIFICATE_FILE
from holdfast.certificates.formats.parsing import parse
from holdfast.cli.declaration.connection_settings import read_connection_settings
from holdfast.cli.declaration.desired_state import (
    WantedApi,
    WantedCaller,
    WantedCertificate,
    WantedIdentity,
    WantedSecurity,
    WantedTrust,
)
from holdfast.cli.declaration.endpoint_groups import read_endpoint_group
from holdfast.cli.declaration.fields import Fields
from holdfast.cli.declaration.request_rules import read_rules
from holdfast.cli.terminal.files import expand_home, read_file


class Conversion:
    """Converts entries, and adds the SHA-256 of the files that they name to *files*."""

    def __init__(self, files: MutableMapping[str, str], variables: Mapping[str, str]) -> None:
        self._files = files
        self._variables = variables

    def convert_api(self, fields: Fields) -> WantedApi | None:
        """Convert an API; None if it is invalid."""
        name = fields.read_value("name", check_name)
        context = fields.read_value("context", check_context)
        version = fields.read_value("version", check_version)
        description = fields.read_value("description", check_description, optional=True) or ""
        state = fields.read_value("state", _read_state, optional=True)
        production = fields.read_value("production", lambda url: parse_endpoint(url, "production"), optional=True)
        sandbox = fields.read_value("sandbox", lambda url: parse_endpoint(url, "sandbox"), optional=True)
        connections = {
            "production_connection": read_connection_settings(fields.read_mapping("productionConnection")),
            "sandbox_connection": read_connection_settings(fields.read_mapping("sandboxConnection")),
        }
        production_security = self._convert_security(fields.read_mapping("productionSecurity"))
        sandbox_security = self._convert_security(fields.read_mapping("sandboxSecurity"))
        endpoints: dict[Environment, Endpoint | None] = {"production": production, "sandbox": sandbox}
        groups = read_endpoint_group(fields.read_mapping("endpointGroup"), endpoints)
        environments = tuple(sorted(set(fields.read_texts("environments"))))
        requires = fields.read_flag("requireCallerCertificate", otherwise=None)
        callers = fields.read_mappings("callerCertificates")
        accepted_callers = None if callers is None else self._convert_callers(callers)
        rules = read_rules(fields)
        fields.finish()
        if name is None or context is None or version is None:
            return None
        return WantedApi(
            fields.place,
            fields.find_place("context"),
            name,
            context,
            version,
            description,
            state,
            production,
            sandbox,
            **connections,
            production_security=production_security,
            sandbox_security=sandbox_security,
            requires_certificate=requires,
            environments=environments,
            callers=accepted_callers,
            rules=rules,
            groups=groups,
        )

    def convert_certificate(self, fields: Fields) -> WantedCertificate | None:
        """Convert an endpoint certificate; None if it is invalid."""
        alias = fields.read_value("alias", check_alias)
        endpoint = fields.read_value("endpoint", _read_secure_endpoint)
        current = self._read_certificates(fields, "file", "pem")
        previous = self._read_certificates(fields, "previousFile", "previousPem")
        keep = fields.read_flag("keepPrevious", otherwise=True)
        if current == ():
            fields.reject("file", _MISSING)
        place = fields.find_place("file", "pem")
        fields.finish()
        if alias is None or endpoint is None or not current or previous is None:
            return None
        return WantedCertificate(fields.place, place, alias, endpoint, current, previous, keep)

    def convert_trust(self, fields: Fields) -> WantedTrust | None:
        """Convert trust settings; None if they are invalid."""
        endpoint = fields.read_value("endpoint", _read_secure_endpoint)
        crls = self._read_content(fields, "crlFile", "crls") or _Content("crls", None)
        draft = TrustDraft(
            anchors=fields.read_text("anchors") or AnchorMode.IMPORTED.value,
            names=fields.read_texts("names"),
            any_name=fields.read_flag("anyName", otherwise=False),
            sni=fields.read_text("sni"),
            certificate_pins=fields.read_texts("certificatePins"),
            spki_pins=fields.read_texts("spkiPins"),
            revocation=crls.data,
            revocation_of_path=fields.read_flag("revocationOfPath", otherwise=True),
            tls_minimum=fields.read_text("tlsMinimum") or "1.2",
            tls_maximum=fields.read_text("tlsMaximum") or "1.3",
        )
        settings = fields.check("", lambda: check_draft(draft), {"crls": crls.field})
        fields.finish()
        if endpoint is None or settings is None:
            return None
        return WantedTrust(
            fields.place,
            endpoint,
            _convert_settings(settings),
            None if draft.revocation is None else settings.revocation,
        )

    def convert_identity(self, fields: Fields) -> WantedIdentity | None:
        """Convert a gateway identity; None if it is invalid."""
        endpoint = fields.read_value("endpoint", _read_secure_endpoint)
        certificates = self._read_certificates(fields, "file", "pem")
        if certificates == ():
            fields.reject("file", _MISSING)
        place, variable = fields.find_place("keyFile", "keyVariable"), fields.read_text("keyVariable")
        file = self._read_content(fields, "keyFile", None)
        if file and file.data is not None and variable:
            fields.reject("keyVariable", "Use either keyFile or keyVariable, not both.")
        elif file and file.data is None and not variable:
            fields.reject("keyFile", "Set keyFile to a file with the private key, or keyVariable to a variable.")
        fields.finish()
        if endpoint is None or not certificates or file is None:
            return None
        text = self._variables.get(variable) if variable else None
        key = text.encode() if text else file.data
        return WantedIdentity(fields.place, place, endpoint, certificates, key)

    def _convert_security(self, fields: Fields | None) -> WantedSecurity | None:
        if fields is None:
            return None
        members = {
            "type": fields.read_text("type"),
            "username": fields.read_text("username"),
            "apiKeyIdentifier": fields.read_text("header"),
            "tokenUrl": fields.read_text("tokenUrl"),
            "clientId": fields.read_text("clientId"),
            "grantType": fields.read_text("grantType"),
            "customParameters": fields.read_text("parameters"),
            "secretVersion": fields.read_text("secretVersion"),
            "allowUnencrypted": fields.read_flag("allowUnencrypted", otherwise=False),
        }
        secret, password = (
            self._read_secret(fields, f"{name}File", f"{name}Variable") for name in ("secret", "password")
        )
        draft = fields.check("", lambda: _read_security(members, secret, password), _SECURITY_FIELDS)
        if draft and password and not draft.security.has_password:
            name = next(name for name in ("passwordFile", "passwordVariable") if name in fields.parts)
            fields.reject(name, "Use secretFile or secretVariable. This field is only for grantType: password.")
        fields.finish()
        if draft is None:
            return WantedSecurity(fields.place, None)
        variables = (fields.read_text("secretVariable") or "", fields.read_text("passwordVariable") or "")
        return WantedSecurity(fields.place, draft.security, draft.secret or None, draft.password or None, *variables)

    def _read_secret(self, fields: Fields, file: str, variable: str) -> str | None:
        """Read a secret from the file or the variable that a field names; None: there is none."""
        name, content = fields.read_text(variable), self._read_content(fields, file, None)
        text = self._variables.get(name) if name else None
        if not name and content and content.data:
            text = content.data.decode(errors="replace")
        # Editors end files with a line break.
        return text.removesuffix("\n").removesuffix("\r") if text else None

    def _convert_callers(self, entries: list[Fields]) -> tuple[WantedCaller, ...]:
        callers: dict[str, WantedCaller] = {}
        for fields in entries:
            alias = fields.read_value("alias", check_alias)
            tier = fields.read_value("tier", check_tier, optional=True)
            environment = fields.read_value("environment", _check_caller_environment, optional=True)
            certificates = self._read_certificates(fields, "file", "pem")
            if certificates is not None and len(certificates) != 1:
                fields.reject(
                    "file", f"Expected one certificate, not {len(certificates)}." if certificates else _MISSING
                )
            fields.finish()
            if alias and alias in callers:
                fields.reject("alias", f"Duplicate alias {alias}.")
            elif alias and certificates and len(certificates) == 1:
                callers[alias] = WantedCaller(fields.place, alias, certificates[0], tier, environment)
        return tuple(callers.values())

    def _read_certificates(self, fields: Fields, file: str, inline: str) -> tuple[Certificate, ...] | None:
        """Read certificates from a file or a field; empty if both are missing, None if they are invalid."""
        content = self._read_content(fields, file, inline)
        if content is None:
            return None
        data = content.data
        if data is None or (data == b"" and content.field == inline):
            return ()
        upload = fields.check(content.field, lambda: parse(data))
        return upload.certificates if upload else None

    def _read_content(self, fields: Fields, file: str, inline: str | None) -> "_Content | None":
        """Read the content of the file that one field names, or of another field; None if it is invalid.

        A file with no field *inline* for its content is a private key.
        """
        path, text = fields.read_text(file), fields.read_text(inline) if inline else None
        if inline and path is not None and text is not None:
            fields.reject(inline, f"Use either {file} or {inline}, not both.")
            return None
        if path == "":
            fields.reject(file, "Name a file, or remove this field.")
            return None
        if path is None:
            return _Content(inline or file, None if text is None else text.encode())
        place = fields.find_folder(file)
        data = fields.check(file, lambda: self._read(place / expand_home(path), is_secret=inline is None))
        return None if data is None else _Content(file, data)

    def _read(self, path: Path, *, is_secret: bool) -> bytes:
        data = read_file(path, MAX_CERTIFICATE_FILE)
        if not is_secret:
            self._files[str(path)] = hashlib.sha256(data).hexdigest()
        return data


@dataclass(frozen=True, slots=True)
class _Content:
    """The content of a file or field, and the name of the *field*; *data* is None if it is missing."""

    field: str
    data: bytes | None


_SECURITY_FIELDS = {"apiKeyIdentifier": "header", "customParameters": "parameters"}  # by member in REST
_MISSING = "Set file to a certificate file, or pem to PEM text."


def _read_security(members: dict[str, Any], secret: str | None, password: str | None) -> SecurityDraft | None:
    kind = read_kind(members["type"], "")
    secrets = {PASSWORD: password} | ({SECRETS[kind]: secret} if kind else {})
    try:
        return read_security(members | secrets, "")
    except InvalidField as error:  # its field must not be lost
        names = {**_SECURITY_FIELDS, PASSWORD: "passwordVariable"}
        if kind:
            names[SECRETS[kind]] = "secretVariable"
        raise InvalidFields([InvalidField(names.get(error.field, error.field), str(error))]) from error


def _convert_settings(settings: TrustSettings) -> dict[str, Any]:
    """Convert settings to REST's members."""
    return {
        "anchors": settings.anchors.value,
        "names": list(settings.names),
        "anyName": settings.any_name,
        "sni": settings.sni,
        "certificatePins": list(settings.certificate_pins),
        "spkiPins": list(settings.spki_pins),
        "revocationOfPath": settings.revocation_of_path,
        "tlsMinimum": str(settings.tls_minimum).removeprefix("TLS "),
        "tlsMaximum": str(settings.tls_maximum).removeprefix("TLS "),
    }


def _check_caller_environment(text: str) -> str:
    return check_environments(text) or BOTH


def _read_state(text: str) -> State:
    try:
        return State(text.upper())
    except ValueError as error:
        raise InvalidField("state", f"Use one of {', '.join(State).lower()}.") from error


def _read_secure_endpoint(url: str) -> Endpoint:
    endpoint = parse_endpoint(url)
    if not endpoint.origin.is_secure:
        raise InvalidField("endpoint", "An http backend doesn't present a certificate. Use an https endpoint.")
    return endpoint
