"""Users sign in through a real identity provider, and their groups determine their roles."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import TIMEOUT, violations, violations_by_theme
from holdfast.apis.wso2_wording import SIGN_IN
from holdfast.services.access.single_sign_on import DISABLED, NO_ROLE
from identity_provider import IdentityProvider
from running import REST, Holdfast

pytestmark = pytest.mark.long

ROLES = {"platform": "admin", "api-team": "creator", "on-call": "publisher"}
PEOPLE = {"dora": ["api-team", "on-call"], "emil": ["gardening"], "frida": ["platform"]}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    with IdentityProvider(tmp_path_factory.mktemp("identity-provider")) as running:
        yield running


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory: pytest.TempPathFactory, provider: IdentityProvider) -> Iterator[Holdfast]:
    with Holdfast(tmp_path_factory.mktemp("single-sign-on"), **provider.settings(ROLES)) as running:
        yield running


@pytest.fixture
def page(chromium: Browser, holdfast: Holdfast) -> Iterator[Page]:
    """A browser without any session."""
    context = chromium.new_context(base_url=holdfast.publisher_url, viewport={"width": 1200, "height": 800})
    context.set_default_timeout(TIMEOUT)
    yield context.new_page()
    context.close()


def come_by_provider(page: Page, name: str, provider: IdentityProvider, path: str = "/apis") -> None:
    """Open a page of Holdfast, and sign in on the pages of the provider on the way."""
    page.goto(path)
    page.get_by_role("link", name="Sign in with Canaille").click()
    page.locator("input[name=login]").fill(name)
    page.keyboard.press("Enter")
    page.locator("input[name=password]").fill(provider.password)
    page.keyboard.press("Enter")


def test_users_of_the_provider_have_the_roles_of_their_groups(
    page: Page, holdfast: Holdfast, provider: IdentityProvider
):
    provider.serve(holdfast.publisher_url, PEOPLE)
    come_by_provider(page, "dora", provider, "/failures")
    expect(page).to_have_url(f"{holdfast.publisher_url}/failures")
    page.goto("/account")
    expect(page.get_by_text("Creator, Publisher")).to_be_visible()
    expect(page.get_by_label("Current password")).to_have_count(0)
    assert violations(page) == []
    page.goto("/tokens")
    expect(page.get_by_text("within the last 30 days.")).to_be_visible()
    page.goto("/users")
    expect(page.get_by_role("heading", name="Not permitted")).to_be_visible()
    body = holdfast.rest.get("/users/dora").json()
    assert (body["roles"], body["identityProvider"]) == (["creator", "publisher"], provider.issuer)


def test_groups_that_change_change_the_roles_at_the_next_sign_in(
    page: Page, holdfast: Holdfast, provider: IdentityProvider
):
    provider.serve(holdfast.publisher_url, {"gustav": ["platform"]})
    come_by_provider(page, "gustav", provider)
    expect(page.get_by_role("link", name="Users")).to_be_visible()
    page.context.clear_cookies()
    provider.serve(holdfast.publisher_url, {"gustav": ["gardening"]})
    come_by_provider(page, "gustav", provider)
    expect(page.get_by_role("alert")).to_have_text(NO_ROLE)
    assert holdfast.rest.get("/users/gustav").json()["roles"] == []


def test_a_user_without_a_role_is_not_created_and_sees_the_reason(
    page: Page, holdfast: Holdfast, provider: IdentityProvider
):
    provider.serve(holdfast.publisher_url, PEOPLE)
    come_by_provider(page, "emil", provider)
    expect(page.get_by_role("alert")).to_have_text(NO_ROLE)
    assert violations(page) == []
    assert holdfast.rest.get("/users/emil").status_code == 404
    page.goto("/apis")
    expect(page.get_by_role("heading", name=SIGN_IN)).to_be_visible()


def test_an_admin_from_the_provider_manages_users_and_can_be_disabled(
    page: Page, holdfast: Holdfast, provider: IdentityProvider
):
    provider.serve(holdfast.publisher_url, PEOPLE)
    come_by_provider(page, "frida", provider)
    page.get_by_role("link", name="Users").click()
    page.get_by_role("link", name="frida", exact=True).click()
    expect(page.get_by_text("roles: Admin.")).to_be_visible()
    expect(page.get_by_role("heading", name="Reset password")).to_have_count(0)
    assert violations(page) == []
    assert holdfast.rest.put("/users/frida", json={"disabled": True}).status_code == 200
    page.goto("/apis")
    come_by_provider_again(page)
    expect(page.get_by_role("alert")).to_have_text(DISABLED)


def come_by_provider_again(page: Page) -> None:
    """Sign in with an existing session at the provider."""
    page.get_by_role("link", name="Sign in with Canaille").click()


def test_users_of_the_provider_have_no_password_and_cannot_get_one(
    page: Page, holdfast: Holdfast, provider: IdentityProvider
):
    provider.serve(holdfast.publisher_url, {"hanna": ["api-team"]})
    come_by_provider(page, "hanna", provider)
    expect(page.get_by_role("heading", name="APIs", exact=True)).to_be_visible()
    response = holdfast.rest.put("/users/hanna/password", json={"password": "several quite new words"})
    assert (response.status_code, "has no password here" in response.json()["description"]) == (409, True)
    response = holdfast.rest.put("/users/hanna", json={"roles": ["admin"]})
    assert (response.status_code, "groups at the identity provider" in response.json()["description"]) == (409, True)
    for password in ("", provider.password):
        with holdfast.browser(REST, auth=("hanna", password)) as client:
            assert client.get("/apis").status_code == 401


def test_axe_finds_nothing_on_the_sign_in_page_with_a_provider(page: Page):
    page.goto("/sign-in")
    assert violations_by_theme(page) == []
