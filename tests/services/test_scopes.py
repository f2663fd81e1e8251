"""The permissions of scopes."""

import pytest

from holdfast.apis.errors import InvalidField
from holdfast.services.access.permissions import EVERY_PERMISSION, ROLES, Permission, Role
from holdfast.services.access.scopes import SCOPES, check_scopes, grant_scopes, list_scope_permissions


def test_no_scope_allows_account_changes_and_every_other_permission_has_one():
    assert EVERY_PERMISSION - list_scope_permissions(SCOPES) == {Permission.MANAGE_OWN_ACCOUNT}


def test_unknown_scopes_allow_nothing():
    assert list_scope_permissions(["apim:api_delete", "apim:of_tomorrow"]) == {Permission.DELETE_APIS}


def test_scopes_without_effect_for_the_user_are_not_granted():
    viewer = ROLES[Role.VIEWER]
    assert grant_scopes(["apim:api_create", "apim:api_view", "openid"], viewer) == ["apim:api_view"]
    assert grant_scopes([], viewer) == ["apim:api_view"]
    assert grant_scopes(["apim:api_create"], viewer) == []
    for wrong in (["apim:api_create"], ["openid"], []):
        with pytest.raises(InvalidField):
            check_scopes(wrong, viewer)


def test_a_scope_that_manages_includes_the_scopes_of_its_parts():
    wso2 = {name: permissions for name, permissions in SCOPES.items() if name.startswith("apim:")}
    assert SCOPES["apim:api_manage"] >= frozenset().union(*wso2.values())
    for part in ("ep_certificates", "client_certificates"):
        scopes = [f"apim:{part}_{action}" for action in ("view", "add", "update")]
        assert SCOPES[f"apim:{part}_manage"] == list_scope_permissions(scopes)
