"""
Endpoint security in requests: `endpointConfig.endpoint_security`, and the older `endpointSecurity`.
"""

from functools import partial

from pydantic import BaseModel, ConfigDict, Field, StrictBool
from pydantic.alias_generators import to_camel

from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.catalog.endpoint_security import SecurityDraft
from holdfast.apis.catalog.security_members import read_security
from holdfast.apis.check import Check

OLDER_SECURITY = "endpointSecurity"
_FIELD = "endpointConfig.endpoint_security."
_GRANTS = "`CLIENT_CREDENTIALS`, or `PASSWORD`, which RFC 9700 (section 2.4) says not to use."


class EnvironmentSecurityBody(BaseModel):
    """
    Credential for the backend of one environment. Secrets are write-only; for an empty one, the stored one is kept.

    Types: `NONE`, `BASIC`, `apikey` (in a header), and `OAUTH`. Other members of WSO2's are ignored.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")
    enabled: bool | None = Field(None, description="False is the same as the type `NONE`.")
    type: str | None = None
    username: str | None = Field(None, description="User name, for `BASIC` and the grant type `PASSWORD`.")
    password: str | None = Field(None, description="Password of that user. Write-only.")
    api_key_identifier: str | None = Field(None, description="The header that contains the API key.")
    api_key_identifier_type: str | None = Field(None, description="`HEADER`; the query isn't supported.")
    api_key_value: str | None = Field(None, description="The API key.")
    grant_type: str | None = Field(None, description=_GRANTS)
    token_url: str | None = Field(None, description="The token endpoint; gateways verify it like a backend.")
    client_id: str | None = None
    client_secret: str | None = None
    custom_parameters: dict[str, str] | str | None = Field(
        None, description="Further parameters of token requests, such as `scope`. They are returned: no secrets."
    )
    secret_version: str | None = Field(
        None, description="A text for tools that set the secret, to know whether to send it again. It is returned."
    )
    allow_unencrypted: StrictBool | None = Field(
        None, description="Send the secret to http endpoints, and while an exception turns verification off."
    )


class SecurityBody(BaseModel):
    """Endpoint security. An environment that is left out keeps what it has; null removes it."""

    production: EnvironmentSecurityBody | None = None
    sandbox: EnvironmentSecurityBody | None = None

    @property
    def drafts(self) -> dict[Environment, SecurityDraft | None]:
        """The endpoint security of the environments that were sent. Raises InvalidFields."""
        drafts: dict[Environment, SecurityDraft | None] = {}
        check = Check()
        for environment in ENVIRONMENTS:
            if environment in self.model_fields_set:
                body: EnvironmentSecurityBody | None = getattr(self, environment)
                read_body = partial(read_security, field=f"{_FIELD}{environment}.")
                drafts[environment] = check(read_body, body.model_dump(by_alias=True) if body else None)
        check.finish()
        return drafts


class OlderSecurityBody(BaseModel):
    """Endpoint security of all environments, as in version 1 of WSO2's API. `endpoint_security` takes precedence."""

    model_config = ConfigDict(extra="allow")
    type: str | None = None
    username: str | None = None
    password: str | None = None


def read_older(body: OlderSecurityBody | None) -> dict[Environment, SecurityDraft | None]:
    """Return the endpoint security in *body* for each environment; empty without a type. Raises InvalidFields."""
    if body is None or not body.type:
        return {}
    check = Check()
    draft = check(partial(read_security, field=f"{OLDER_SECURITY}."), body.model_dump())
    check.finish()
    return dict.fromkeys(ENVIRONMENTS, draft)
