"""The settings of the identity provider are read, or rejected before anything starts."""

import pytest
from pydantic import SecretStr, ValidationError

from holdfast.network.sockets import CannotStart
from holdfast.server.access.oidc import open_single_sign_on
from holdfast.server.reload import Reload
from holdfast.server.settings import Settings
from holdfast.services.access.permissions import Role

COMPLETE = {
    "oidc_issuer": "https://id.test/realms/staff",
    "oidc_client_id": "holdfast",
    "oidc_client_secret": SecretStr("between the two"),
    "oidc_roles": "platform=admin",
}


def test_without_an_issuer_there_is_no_single_sign_on():
    assert open_single_sign_on(Settings()) is None


def test_roles_are_read_from_the_right_so_that_groups_may_be_names_of_a_directory():
    value = " cn=platform,ou=teams,dc=test = admin ;api=creator; api=publisher;*=viewer;"
    assert Settings(oidc_roles=value).oidc_roles == (
        ("cn=platform,ou=teams,dc=test", Role.ADMIN),
        ("api", Role.CREATOR),
        ("api", Role.PUBLISHER),
        ("*", Role.VIEWER),
    )


@pytest.mark.parametrize("value", ["admin", "=admin", "platform=", "platform=root", "platform=admin,api=creator=x"])
def test_invalid_roles_are_reported(value):
    with pytest.raises(
        ValidationError, match="is not GROUP=ROLE, where ROLE is one of admin, creator, publisher, viewer"
    ):
        Settings(oidc_roles=value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"oidc_issuer": "http://id.test"}, "isn't an https URL"),
        ({"oidc_issuer": "id.test"}, "isn't an https URL"),
        ({"oidc_client_id": None}, "HOLDFAST_OIDC_CLIENT_ID is missing"),
        ({"oidc_client_secret": None}, "Set either HOLDFAST_OIDC_CLIENT_SECRET"),
        ({"oidc_client_secret": SecretStr("")}, "is empty"),
        ({"oidc_client_secret_file": "/nonexistent"}, "Set either HOLDFAST_OIDC_CLIENT_SECRET"),
        ({"oidc_client_secret": None, "oidc_client_secret_file": "/nonexistent"}, "can't read /nonexistent"),
        ({"oidc_roles": ()}, "HOLDFAST_OIDC_ROLES is missing"),
        ({"oidc_scopes": "profile"}, "HOLDFAST_OIDC_SCOPES must include openid"),
        ({"oidc_ca_file": "/nonexistent"}, "/nonexistent can't be read"),
        ({"oidc_ca_file": "/dev/null"}, "/dev/null can't be read or contains no certificates"),
    ],
)
def test_incomplete_settings_prevent_the_start(change, problem):
    with pytest.raises(CannotStart, match=problem):
        open_single_sign_on(Settings(**COMPLETE | change))


def test_the_secret_can_be_in_a_file_and_is_in_no_representation(tmp_path):
    file = tmp_path / "secret"
    file.write_text("in a file\n")
    sso = open_single_sign_on(Settings(**COMPLETE | {"oidc_client_secret": None, "oidc_client_secret_file": file}))
    assert sso
    sso.provider.close()
    assert "in a file" not in repr(sso) + repr(Settings(**COMPLETE))


def test_a_secret_in_a_file_is_reloaded_unless_it_is_unusable(tmp_path):
    file = tmp_path / "secret"
    file.write_text("first")
    settings = Settings(**COMPLETE | {"oidc_client_secret": None, "oidc_client_secret_file": file})
    sso = open_single_sign_on(settings)
    assert sso
    reload = Reload(settings, [], sso)
    for content, secret in (("second", "second"), ("", "second"), ("third", "third")):
        file.write_text(content)
        reload.run()
        assert sso.provider.client_secret == secret
    sso.provider.close()
