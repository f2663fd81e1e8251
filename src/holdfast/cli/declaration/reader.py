"""
Reads YAML files into a desired state, and validates it without a publisher.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.apis.catalog.api import check_context, check_description, check_name, check_version
from holdfast.apis.catalog.connection_settings import ConnectionSettings, read_connection
from holdfast.apis.catalog.endpoint import Endpoint, parse_endpoint
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.definitions.nodes import Bounds, Unreadable, read_nodes
from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import check_alias
from holdfast.apis.trust.trust_draft import TrustDraft, check_draft
from holdfast.apis.trust.trust_settings import AnchorMode, TrustSettings
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.formats.parsing import MAX_BYTES as MAX_CERTIFICATE_FILE
from holdfast.certificates.formats.parsing import parse
from holdfast.cli.declaration.desired_state import DesiredState, WantedApi, WantedCertificate, WantedTrust
from holdfast.cli.declaration.fields import Fields, Place, Problems
from holdfast.cli.failures import WrongFile
from holdfast.cli.terminal.files import expand_home, read_file, read_input

FORMAT = "1"
MAX_FILE = 16 * 1024 * 1024
MAX_FILES = 1000
# No YAML references: with aliases, a few bytes could expand to gigabytes.
_BOUNDS = Bounds(depth=8, nodes=1_000_000, characters=MAX_FILE)


def read_desired_state(names: Iterable[str]) -> DesiredState:
    """
    Read files and directories (*.yaml, *.yml); `-` is standard input.

    Raises:
        WrongFile: Something is invalid. The text lists all problems, with file, line and field.
    """
    wanted, problems, left = DesiredState(), Problems(), MAX_FILE
    for name in _files(names):
        data = read_input(MAX_FILE) if name == "-" else read_file(Path(name), MAX_FILE)
        left -= len(data)
        if left < 0:
            raise WrongFile(
                f"The files are larger than {MAX_FILE // 1024 // 1024} MiB in total. Apply them one by one."
            )
        shown, folder = ("standard input", Path()) if name == "-" else (name, Path(name).parent)
        try:
            root = Fields(read_nodes(data, _BOUNDS), shown, "", problems)
        except Unreadable as error:
            problems.add(Place(shown, error.line, ""), str(error))
            continue
        _read_document(root, folder, wanted, problems)
    problems.finish()
    return wanted


def _files(names: Iterable[str]) -> list[str]:
    files: list[str] = []
    for name in names:
        if name != "-" and Path(name).is_dir():
            inside = sorted(str(file) for file in Path(name).iterdir() if file.suffix in {".yaml", ".yml"})
            if not inside:
                raise WrongFile(f"{name} has no .yaml or .yml files.")
            files += inside
        else:
            files.append(name)
    if len(files) > MAX_FILES:
        raise WrongFile(f"Found {len(files)} files. The limit is {MAX_FILES}.")
    return files


def _read_document(root: Fields, folder: Path, wanted: DesiredState, problems: Problems) -> None:
    number = root.text("holdfast")
    if number != FORMAT:
        root.wrong("holdfast", f"Each file needs holdfast: {FORMAT}, the version of the format.")
        return
    apis, certificates = root.several("apis"), root.several("certificates")
    wanted.has_apis |= apis is not None
    wanted.has_certificates |= certificates is not None
    for fields in apis or []:
        if api := _api(fields):
            other = wanted.apis.setdefault(api.key, api)
            _refuse_second(api.place, other.place, f"API {api.name} {api.version}", problems)
    for fields in certificates or []:
        if certificate := _certificate(fields, folder):
            known = wanted.certificates.setdefault(certificate.alias, certificate)
            _refuse_second(certificate.place, known.place, f"alias {certificate.alias}", problems)
    for fields in root.several("trust") or []:
        if trust := _trust(fields, folder):
            first = wanted.trust.setdefault(trust.origin, trust)
            _refuse_second(trust.place, first.place, f"origin {trust.origin}", problems)
    root.finish("holdfast, apis, certificates and trust")


def _refuse_second(place: Place, first: Place, what: str, problems: Problems) -> None:
    if first is not place:
        problems.add(place, f"Duplicate {what}, first at {first.file}:{first.line}.")


def _api(fields: Fields) -> WantedApi | None:
    name = fields.value("name", check_name)
    context = fields.value("context", check_context)
    version = fields.value("version", check_version)
    description = fields.value("description", check_description, optional=True) or ""
    state = fields.value("state", _state, optional=True)
    production = fields.value("production", lambda url: parse_endpoint(url, "production"), optional=True)
    sandbox = fields.value("sandbox", lambda url: parse_endpoint(url, "sandbox"), optional=True)
    connections = {
        "production_connection": _connection(fields.mapping("productionConnection")),
        "sandbox_connection": _connection(fields.mapping("sandboxConnection")),
    }
    environments = tuple(sorted(set(fields.texts("environments"))))
    requires = fields.flag("requireCallerCertificate", otherwise=None)
    fields.finish(
        "name, context, version, description, state, production, sandbox, productionConnection, sandboxConnection, "
        "environments and requireCallerCertificate"
    )
    if name is None or context is None or version is None:
        return None
    return WantedApi(
        fields.place,
        fields.place_of("context"),
        name,
        context,
        version,
        description,
        state,
        production,
        sandbox,
        **connections,
        requires_certificate=requires,
        environments=environments,
    )


def _connection(fields: Fields | None) -> ConnectionSettings | None:
    if fields is None:
        return None
    values = {
        "protocol": fields.text("protocol"),
        "connection_per_caller": fields.flag("connectionPerCaller", otherwise=False),
        "rewrite_responses": fields.flag("rewriteResponses", otherwise=True),
    }
    connection = fields.checked("protocol", lambda: read_connection(values))
    fields.finish("protocol, connectionPerCaller and rewriteResponses")
    return connection


def _certificate(fields: Fields, folder: Path) -> WantedCertificate | None:
    alias = fields.value("alias", check_alias)
    endpoint = fields.value("endpoint", _secure_endpoint)
    current = _certificates(fields, folder, "file", "pem")
    previous = _certificates(fields, folder, "previousFile", "previousPem")
    keep = fields.flag("keepPrevious", otherwise=True)
    if current == ():
        fields.wrong("file", "Set file to a certificate file, or pem to PEM text.")
    place = fields.place_of("file", "pem")
    fields.finish("alias, endpoint, file or pem, previousFile or previousPem, and keepPrevious")
    if alias is None or endpoint is None or not current or previous is None:
        return None
    return WantedCertificate(fields.place, place, alias, endpoint, current, previous, keep)


def _certificates(fields: Fields, folder: Path, file: str, inline: str) -> tuple[Certificate, ...] | None:
    """Read certificates from a file or a field; empty if both are missing, None if they are invalid."""
    content = _content(fields, folder, file, inline)
    if content is None:
        return None
    data = content.data
    if data is None or (data == b"" and content.field == inline):
        return ()
    upload = fields.checked(content.field, lambda: parse(data))
    return upload.certificates if upload else None


def _trust(fields: Fields, folder: Path) -> WantedTrust | None:
    endpoint = fields.value("endpoint", _secure_endpoint)
    crls = _content(fields, folder, "crlFile", "crls") or _Content("crls", None)
    draft = TrustDraft(
        anchors=fields.text("anchors") or AnchorMode.IMPORTED.value,
        names=fields.texts("names"),
        any_name=fields.flag("anyName", otherwise=False),
        sni=fields.text("sni"),
        certificate_pins=fields.texts("certificatePins"),
        spki_pins=fields.texts("spkiPins"),
        revocation=crls.data,
        revocation_of_path=fields.flag("revocationOfPath", otherwise=True),
        tls_minimum=fields.text("tlsMinimum") or "1.2",
        tls_maximum=fields.text("tlsMaximum") or "1.3",
    )
    settings = fields.checked("", lambda: check_draft(draft), {"crls": crls.field})
    fields.finish(
        "endpoint, anchors, names, anyName, sni, certificatePins, spkiPins, crlFile, crls, revocationOfPath, "
        "tlsMinimum and tlsMaximum"
    )
    if endpoint is None or settings is None:
        return None
    return WantedTrust(
        fields.place, endpoint, _members(settings), None if draft.revocation is None else settings.revocation
    )


def _members(settings: TrustSettings) -> dict[str, Any]:
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


def _state(text: str) -> State:
    try:
        return State(text.upper())
    except ValueError as error:
        raise InvalidField("state", f"Use one of {', '.join(State).lower()}.") from error


def _secure_endpoint(url: str) -> Endpoint:
    endpoint = parse_endpoint(url)
    if not endpoint.origin.is_secure:
        raise InvalidField("endpoint", "An http backend doesn't present a certificate. Use an https endpoint.")
    return endpoint


@dataclass(frozen=True, slots=True)
class _Content:
    """The content of a file or field, and the name of the *field*; *data* is None if it is missing."""

    field: str
    data: bytes | None


def _content(fields: Fields, folder: Path, file: str, inline: str) -> _Content | None:
    """Read the content of the file that one field names, or of another field; None if it is invalid."""
    path, text = fields.text(file), fields.text(inline)
    if path is not None and text is not None:
        fields.wrong(inline, f"Use either {file} or {inline}, not both.")
        return None
    if path == "":
        fields.wrong(file, "Name a file, or remove this field.")
        return None
    if path is None:
        return _Content(inline, None if text is None else text.encode())
    data = fields.checked(file, lambda: read_file(folder / expand_home(path), MAX_CERTIFICATE_FILE))
    return None if data is None else _Content(file, data)
