"""
The fields of configuration files: what the reader accepts, and what the JSON schema for editors describes.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from holdfast.apis.catalog.api_types import SERVED_TYPES
from holdfast.apis.catalog.connection_settings import SETTINGS, Protocol, Setting, SettingKind
from holdfast.apis.catalog.endpoint_group import Algorithm, GroupKind
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.catalog.token_settings import Grant
from holdfast.apis.trust.trust_settings import AnchorMode

FORMAT = "1"


class FieldKind(Enum):
    """The kind of value of a field."""

    TEXT = auto()  # or a number, read as written
    CONTENT = auto()  # text in which variables aren't expanded, such as PEM
    FLAG = auto()
    TEXTS = auto()
    MAPPING = auto()
    MAPPINGS = auto()


@dataclass(frozen=True, slots=True)
class Section:
    """
    The fields of a mapping.

    Of each tuple in *either*, at most one field can be set; of those in *needed*, exactly one must be. In overlays,
    *key* identifies an entry.
    """

    fields: tuple["Field", ...]
    either: tuple[tuple[str, str], ...] = ()
    needed: tuple[tuple[str, str], ...] = ()
    key: tuple[str, ...] = ()

    def get_field(self, name: str) -> "Field":
        """Return the field *name*. Raises KeyError: the reader must read no other fields."""
        for member in self.fields:
            if member.name == name:
                return member
        raise KeyError(name)

    def get_section(self, name: str) -> "Section":
        """Return the section of the field *name*, which must be a mapping or a list of mappings. Raises KeyError."""
        section = self.get_field(name).section
        if section is None:
            raise KeyError(name)
        return section

    @property
    def listing(self) -> str:
        """The names of its fields, as a phrase."""
        names = [member.name for member in self.fields]
        return f"{', '.join(names[:-1])} and {names[-1]}"


@dataclass(frozen=True, slots=True)
class Field:
    """A field: *about* describes it, *choices* are its only values, and *longest* is in characters."""

    name: str
    about: str
    kind: FieldKind = FieldKind.TEXT
    is_required: bool = False
    choices: tuple[str, ...] = ()
    longest: int | None = None
    section: Section | None = field(default=None, repr=False)


def _build_connection_field(setting: Setting) -> Field:
    kinds = {SettingKind.FLAG: FieldKind.FLAG, SettingKind.STATUSES: FieldKind.TEXTS}
    choices = tuple(protocol.value for protocol in Protocol) if setting.kind is SettingKind.PROTOCOL else ()
    return Field(setting.name, setting.description, kinds.get(setting.kind, FieldKind.TEXT), choices=choices)


_CONNECTION = Section(tuple(_build_connection_field(setting) for setting in SETTINGS.values()))
_SECURITY = Section(
    (
        Field("type", "How gateways sign in.", is_required=True, choices=("basic", "apikey", "oauth", "none")),
        Field("username", "User name, for basic and the grant type password.", longest=256),
        Field("header", "Header with the API key, such as X-API-Key.", longest=64),
        Field("tokenUrl", "URL of the token endpoint, for oauth.", longest=2048),
        Field("clientId", "ID of the client, for oauth.", longest=256),
        Field(
            "grantType",
            "How gateways get tokens, for oauth. RFC 9700 (section 2.4) says not to use password.",
            choices=tuple(grant.lower() for grant in Grant),
        ),
        Field("parameters", "Parameters of token requests, such as scope=read&audience=shop."),
        Field("secretFile", "File with the password, the API key or the client's secret, relative to this file."),
        Field("secretVariable", "Environment variable with the secret, without the prefix HOLDFAST_VAR_."),
        Field("passwordFile", "File with the user's password, for the grant type password, relative to this file."),
        Field("passwordVariable", "Environment variable with that password, without the prefix HOLDFAST_VAR_."),
        Field("secretVersion", "Change it whenever a secret changes, so that it is sent.", longest=64),
        Field("allowUnencrypted", "Send the secret over http, and while verification is off.", FieldKind.FLAG),
    ),
    either=(("secretFile", "secretVariable"), ("passwordFile", "passwordVariable")),
)
_MEMBER = Section(
    (
        Field("url", "URL of the backend.", is_required=True),
        Field("weight", "Share of requests, 1 to 100, compared with the others."),
        Field("priority", "In a load-balanced group: 1 gets requests first, higher numbers while lower ones fail."),
    )
)
_HEALTH = Section(
    (
        Field("path", "Path to request at each endpoint's host, such as /health."),
        Field("interval", "Seconds between two requests."),
        Field("timeout", "Seconds to wait for the response."),
        Field("statuses", "Status of a healthy endpoint: one, or a range."),
    )
)
_GROUP = Section(
    (
        Field(
            "kind",
            "How the endpoints share requests.",
            is_required=True,
            choices=(*(kind.value for kind in GroupKind), "none"),
        ),
        Field("production", "Further endpoints in production.", FieldKind.MAPPINGS, section=_MEMBER),
        Field("sandbox", "Further endpoints in the sandbox.", FieldKind.MAPPINGS, section=_MEMBER),
        Field("productionWeight", "Weight of the first endpoint in production."),
        Field("sandboxWeight", "Weight of the first endpoint in the sandbox."),
        Field("productionPriority", "Priority of the first endpoint in production."),
        Field("sandboxPriority", "Priority of the first endpoint in the sandbox."),
        Field(
            "algorithm", "How gateways choose an endpoint.", choices=tuple(algorithm.value for algorithm in Algorithm)
        ),
        Field("session", "What keeps a client at one endpoint.", choices=("none", "cookie", "header")),
        Field("sessionTimeout", "Seconds until the cookie expires."),
        Field("sessionHeader", "Header that identifies a client."),
        Field("healthCheck", "How gateways check the endpoints.", FieldKind.MAPPING, section=_HEALTH),
    )
)
_CALLER = Section(
    (
        Field("alias", "Name of the certificate within the API.", is_required=True),
        Field("file", "File with one certificate, relative to this file."),
        Field("pem", "The certificate.", FieldKind.CONTENT),
        Field("tier", "Stored for other tools; gateways don't use it."),
        Field("environment", "Where gateways accept the certificate.", choices=("production", "sandbox", "both")),
    ),
    either=(("file", "pem"),),
    needed=(("file", "pem"),),
)
_CORS = Section(
    (
        Field("enabled", "Answer CORS requests for the backend; true by default.", FieldKind.FLAG),
        Field("origins", "Origins whose pages may read responses, or *.", FieldKind.TEXTS),
        Field("methods", "Methods that they may use.", FieldKind.TEXTS),
        Field("headers", "Headers that they may send.", FieldKind.TEXTS),
        Field("credentials", "They may act as the signed-in user.", FieldKind.FLAG),
    )
)
_LIMIT = Section(
    (
        Field("requests", "Number of requests, or unlimited.", is_required=True),
        Field("per", "Unit of time; second by default.", choices=("second", "minute", "hour")),
    )
)
API = Section(
    (
        Field("name", "Name of the API.", is_required=True, longest=60),
        Field("context", "Path on the gateway, such as /orders.", is_required=True),
        Field("version", "Version of the API.", is_required=True, longest=30),
        Field("description", "Description of the API."),
        Field("state", "Lifecycle state.", choices=tuple(state.value.lower() for state in State)),
        Field("type", "Type of the API.", choices=tuple(sorted(api_type.lower() for api_type in SERVED_TYPES))),
        Field("prototype", "Answer with the examples of the definition, instead of a backend.", FieldKind.FLAG),
        Field("production", "URL of the production backend."),
        Field("sandbox", "URL of the sandbox backend."),
        Field(
            "productionConnection",
            "Connection settings of the production backend.",
            FieldKind.MAPPING,
            section=_CONNECTION,
        ),
        Field(
            "sandboxConnection", "Connection settings of the sandbox backend.", FieldKind.MAPPING, section=_CONNECTION
        ),
        Field("productionSecurity", "How gateways sign in to production.", FieldKind.MAPPING, section=_SECURITY),
        Field("sandboxSecurity", "How gateways sign in to the sandbox.", FieldKind.MAPPING, section=_SECURITY),
        Field("endpointGroup", "Further endpoints, and how they are used.", FieldKind.MAPPING, section=_GROUP),
        Field("environments", "Groups of gateways that serve the API.", FieldKind.TEXTS),
        Field("defaultVersion", "Also serve this version at the context, without its number.", FieldKind.FLAG),
        Field("onlyListedOperations", "Serve only the operations that the API lists.", FieldKind.FLAG),
        Field("operations", "All operations of the API, such as GET /pets/{id}.", FieldKind.TEXTS),
        Field("cors", "How gateways answer CORS requests.", FieldKind.MAPPING, section=_CORS),
        Field("productionLimit", "Requests to production, at each gateway.", FieldKind.MAPPING, section=_LIMIT),
        Field("sandboxLimit", "Requests to the sandbox, at each gateway.", FieldKind.MAPPING, section=_LIMIT),
        Field("requireCallerCertificate", "Callers must present a client certificate.", FieldKind.FLAG),
        Field("callerCertificates", "All certificates that callers may present.", FieldKind.MAPPINGS, section=_CALLER),
    ),
    key=("name", "version"),
)
CERTIFICATE = Section(
    (
        Field("alias", "Name of the endpoint certificate.", is_required=True, longest=45),
        Field("endpoint", "URL of the backend. Its origin counts.", is_required=True),
        Field("file", "Certificate file, relative to this file."),
        Field("pem", "The certificates.", FieldKind.CONTENT),
        Field("previousFile", "File with previous certificates, which stay trusted while they are listed."),
        Field("previousPem", "Previous certificates, which stay trusted while they are listed.", FieldKind.CONTENT),
        Field("keepPrevious", "Keep trusting replaced certificates while the backend may use them.", FieldKind.FLAG),
    ),
    either=(("file", "pem"), ("previousFile", "previousPem")),
    needed=(("file", "pem"),),
    key=("alias",),
)
TRUST = Section(
    (
        Field("endpoint", "URL of the backend. Its origin counts.", is_required=True),
        Field("anchors", "Which CAs are trusted.", choices=tuple(mode.value for mode in AnchorMode)),
        Field("names", "Host names and addresses to accept, instead of the URL's host.", FieldKind.TEXTS),
        Field("anyName", "Skip the host-name check. Requires certificatePins.", FieldKind.FLAG),
        Field("sni", "Server name to send, or an empty text for none."),
        Field("certificatePins", "SHA-256 of certificates.", FieldKind.TEXTS),
        Field("spkiPins", "SHA-256 of public keys.", FieldKind.TEXTS),
        Field("crlFile", "File with CRLs, relative to this file."),
        Field("crls", "CRLs in PEM, or an empty text for none.", FieldKind.CONTENT),
        Field("revocationOfPath", "Check the CAs of the path, too.", FieldKind.FLAG),
        Field("tlsMinimum", "Lowest TLS version.", choices=("1.2", "1.3")),
        Field("tlsMaximum", "Highest TLS version.", choices=("1.2", "1.3")),
    ),
    either=(("crlFile", "crls"),),
    key=("endpoint",),
)
IDENTITY = Section(
    (
        Field("endpoint", "URL of the backend. Its origin counts.", is_required=True),
        Field("file", "File with the certificate and its chain, relative to this file."),
        Field("pem", "The certificate and its chain.", FieldKind.CONTENT),
        Field("keyFile", "File with the private key, relative to this file."),
        Field("keyVariable", "Environment variable with the private key, without the prefix HOLDFAST_VAR_."),
    ),
    either=(("file", "pem"), ("keyFile", "keyVariable")),
    needed=(("file", "pem"), ("keyFile", "keyVariable")),
    key=("endpoint",),
)
DOCUMENT = Section(
    (
        Field("holdfast", "Version of the format.", is_required=True, choices=(FORMAT,)),
        Field("label", "Label of all objects in the files. With it, --prune deletes only objects that have it."),
        Field("apis", "APIs.", FieldKind.MAPPINGS, section=API),
        Field("certificates", "Endpoint certificates.", FieldKind.MAPPINGS, section=CERTIFICATE),
        Field("trust", "Trust settings of backends.", FieldKind.MAPPINGS, section=TRUST),
        Field("gatewayIdentities", "Certificates that gateways present.", FieldKind.MAPPINGS, section=IDENTITY),
    )
)
