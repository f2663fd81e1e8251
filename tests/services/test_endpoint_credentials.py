"""Secrets of endpoint security: sealed, bound to origins, and locked rather than left out."""

from dataclasses import replace

import pytest
import structlog
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from acting import context_of
from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.catalog.endpoint_group import EndpointGroup, GroupKind, Member
from holdfast.apis.catalog.endpoint_security import Credential, EndpointSecurity, SecurityDraft, SecurityKind
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.catalog.token_settings import Grant, TokenSettings
from holdfast.apis.errors import InvalidFields
from holdfast.apis.notifications.channel import ChannelDraft, Secrets
from holdfast.apis.trust.trust_settings import TrustSettings, build_trust_set
from holdfast.gateway.resources.apis import build_api
from holdfast.services.catalog.apis import ApiDraft, change_api, create_api, get_api
from holdfast.services.catalog.copies import copy_api
from holdfast.services.credentials.sealing import seal_drafts
from holdfast.services.credentials.unsealing import choose_credentials
from holdfast.services.identities.gateway_identities import reseal_keys
from holdfast.services.notifications.channels import create_channel
from holdfast.services.publishing.snapshot import read_everything
from holdfast.services.revisions.revisions import create_revision, delete_revision, restore_revision
from holdfast.store import inspection
from holdfast.store.catalog import endpoint_security
from holdfast.store.recovery import contents
from holdfast.store.sealing import Sealing
from holdfast.store.sqlite.files import open_to_read

URL, OTHER = "https://backend.test/base", "https://evil.test"
SEALING = Sealing(lambda: (bytes(32),))
NEW_KEY = Sealing(lambda: (b"n" * 32, bytes(32)))
WITHOUT_OLD = Sealing(lambda: (b"n" * 32,))

PASSWORD = "geheim"


def draft_basic(secret: str = PASSWORD, name: str = "shop") -> SecurityDraft:
    return SecurityDraft(EndpointSecurity(SecurityKind.BASIC, name), secret)


@pytest.fixture
def context(store, anna, clock):
    return context_of(store, anna, clock())


@pytest.fixture
def api(context) -> Api:
    securities = seal_drafts(context, SEALING, {"production": draft_basic()})
    return create_api(context, ApiDraft("Pizza", "/pizza", "1", URL, securities=securities))


def read_credential(context, api: Api, sealing: Sealing = SEALING) -> Credential:
    return read_everything(context.store, sealing, context.now).credentials[api.organization, api.id]["production"][0]


def change(context, api: Api, url: str = URL, draft: SecurityDraft | None = None) -> Api:
    securities = seal_drafts(context, SEALING, {"production": draft}) if draft else {}
    return change_api(context, api.id, endpoints=(url, None), securities=securities).full_api.api


def test_the_secret_is_sealed_in_the_database_and_opened_for_gateways(context, api):
    assert read_credential(context, api).value == "Basic c2hvcDpnZWhlaW0="
    stored_secret = get_api(context, api.id).production.security.secret
    assert b"geheim" not in stored_secret.sealed
    assert "geheim" not in repr(api)
    assert "c2hv" not in repr(read_credential(context, api))


def test_a_secret_whose_key_is_missing_has_no_value_and_the_log_says_why(context, api):
    with structlog.testing.capture_logs() as logs:
        assert read_credential(context, api, WITHOUT_OLD).value is None
    (why,) = (log["why"] for log in logs if log["event"] == "credential of an endpoint cannot be decrypted")
    assert "Put back the previous sealing key" in why


def test_the_same_secret_entered_again_changes_nothing(context, api):
    before = get_api(context, api.id).production.security
    assert change(context, api, draft=draft_basic()).production.security == before
    assert change(context, api, draft=draft_basic("")).production.security == before
    security = change(context, api, draft=draft_basic("", "other")).production.security
    assert security.secret == before.secret
    assert security.version != before.version
    assert change(context, api, draft=draft_basic("new")).production.security.secret.id != before.secret.id


@pytest.mark.parametrize("url", [OTHER, "https://backend.test:8443", "http://backend.test"])
@pytest.mark.parametrize("draft", [None, draft_basic("")])
def test_a_stored_secret_stays_with_its_origins(context, api, url, draft):
    with pytest.raises(InvalidFields, match="Enter the secret again"):
        change(context, api, url, draft)
    copy = copy_api(context, api.id, "2").api
    with pytest.raises(InvalidFields, match="Enter the secret again"):
        change(context, copy, url, draft)


KEY = EndpointSecurity(SecurityKind.API_KEY, header="X-API-Key")
TOKEN = EndpointSecurity(SecurityKind.OAUTH, token=TokenSettings("https://login.test/token", "shop"))

FOR_USER = replace(TOKEN, username="till", token=replace(TOKEN.token, grant=Grant.PASSWORD))


def test_the_secret_of_a_client_and_the_password_of_its_user_are_sealed_and_bound_one_by_one(
    context, store, api, clock
):
    change(context, api, draft=SecurityDraft(FOR_USER, "geheim", "pass"))
    before = get_api(context, api.id).production.security
    # A publisher of an earlier version finds no secret, instead of one for another grant.
    assert "secret" not in endpoint_security.write_column(get_api(context, api.id), "production")
    after = change(context, api, draft=SecurityDraft(replace(FOR_USER, username="other"), password="new")).production
    assert after.security.secret == before.secret
    assert after.security.password.id != before.password.id
    assert reseal_keys(store, NEW_KEY, clock()) == (2, 0)
    current = read_credential(context, api, WITHOUT_OLD)
    assert (current.value, current.password) == ("geheim", "new")
    assert "new" not in repr(current)

    elsewhere = replace(FOR_USER, token=replace(FOR_USER.token, url="https://backend.test/token"))
    field = "endpointConfig.endpoint_security.production."
    for secrets, missing in (
        (("", ""), ["clientSecret", "password"]),
        (("geheim", ""), ["password"]),
        (("", "new"), ["clientSecret"]),
    ):
        with pytest.raises(InvalidFields, match="Enter the secret again to send it to") as refusal:
            change(context, api, draft=SecurityDraft(elsewhere, *secrets))
        assert list(refusal.value.map_to_fields()) == [field + name for name in missing]

    change(context, api, draft=SecurityDraft(TOKEN))
    with pytest.raises(InvalidFields, match="Enter the secret") as refusal:
        change(context, api, draft=SecurityDraft(FOR_USER))
    assert list(refusal.value.map_to_fields()) == [field + "password"]


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (
            KEY,
            replace(KEY, header="X-Echoed"),
            "Enter the secret again to send it in X-Echoed. It was entered for X-API",
        ),
        (KEY, replace(KEY, allow_unencrypted=True), "again to allow that it is sent unencrypted"),
        (
            TOKEN,
            replace(TOKEN, token=TokenSettings("https://backend.test/token", "shop")),
            "again to send it to https://backend.test. It was entered for the token endpoint at https://login.test.",
        ),
    ],
)
def test_a_stored_secret_is_revealed_in_no_other_way_than_it_was_entered_for(context, api, first, second, why):
    change(context, api, draft=SecurityDraft(first, "geheim"))
    with pytest.raises(InvalidFields, match=why):
        change(context, api, draft=SecurityDraft(second))
    with pytest.raises(InvalidFields, match=why):
        change(context, copy_api(context, api.id, "2").api, draft=SecurityDraft(second))
    assert get_api(context, api.id).production.security.header == first.header
    again = change(context, api, draft=SecurityDraft(second, "geheim")).production.security
    assert replace(again, secret=None) == second
    assert change(context, api, draft=SecurityDraft(second)).production.security == again
    stricter = change(context, api, draft=SecurityDraft(replace(second, allow_unencrypted=False)))
    assert stricter.production.security.secret == again.secret


def test_a_secret_entered_for_another_origin_is_bound_to_that_one(context, api):
    moved_api = change(context, api, OTHER, draft_basic())
    assert moved_api.production.security.secret.origins == {OTHER}
    with pytest.raises(InvalidFields, match="Enter the secret again"):
        change(context, api, URL)


@pytest.fixture
def revision(context, api):
    """A revision whose endpoint is at URL."""
    return create_revision(context, api.id)


def test_revisions_at_another_origin_keep_its_secret(context, store, api, revision, clock):
    for number in range(7):
        change(context, api, f"https://{number}.test", draft_basic(str(number), "elsewhere"))
    change(context, api, OTHER, draft_basic("other", "elsewhere"))
    credentials = read_everything(store, SEALING, context.now).credentials[api.organization, api.id]
    moved_api, old = get_api(context, api.id), replace(api, production=parse_endpoint(URL), revision=1)
    assert choose_credentials(moved_api, credentials)["production"].security.username == "elsewhere"
    first_credential = choose_credentials(old, credentials)["production"]
    origin = old.production.origin
    trust = {origin: build_trust_set(TrustSettings("default", str(origin)), [], origin.reference, context.now)}
    assert build_value(replace(old, state=State.PUBLISHED), first_credential, trust) == "Basic c2hvcDpnZWhlaW0="
    with store.read() as session:
        assert len(list(endpoint_security.list_secrets(session))) == 2
    assert reseal_keys(store, NEW_KEY, clock()) == (2, 0)
    credentials_of_api = read_everything(store, WITHOUT_OLD, context.now).credentials[api.organization, api.id]
    assert all(entry.value for entry in credentials_of_api["production"])
    restored_api = restore_revision(context, api.id, revision.id).api
    assert restored_api.production.security.username == "shop"
    assert restored_api.kept_security == ()


def test_removing_endpoint_security_applies_to_revisions_without_other_origins(context, api, revision):
    change_api(context, api.id, securities={"production": None})
    assert find_credential(context, api) is None
    change(context, api, URL, draft_basic("geheim"))
    change_api(context, api.id, endpoints=(OTHER, None), securities={"production": None})
    assert find_credential(context, api).value == "Basic c2hvcDpnZWhlaW0="
    change_api(context, api.id, endpoints=(None, None))
    assert find_credential(context, api).value == "Basic c2hvcDpnZWhlaW0="
    assert get_api(context, api.id).production is None
    assert restore_revision(context, api.id, revision.id).api.production.security.username == "shop"


def test_a_revision_with_a_group_keeps_the_secret_of_all_members(context, api):
    group = EndpointGroup(GroupKind.LOAD_BALANCE, (Member(parse_endpoint("https://second.test/base")),))
    origins = {"https://backend.test", "https://second.test"}
    securities, one = (seal_drafts(context, SEALING, {"production": draft_basic(secret)}) for secret in ("both", "one"))
    change_api(context, api.id, groups={"production": group}, securities=securities)
    create_revision(context, api.id)
    change_api(context, api.id, groups={"production": None}, securities=one)
    first_credential = find_credential(context, replace(api, production_group=group))
    assert first_credential.security.secret.origins == origins
    assert first_credential.can_be_sent_to(origins, verified=True)


def test_a_secret_is_deleted_with_the_last_revision_that_needs_it(context, store, api, revision):
    second = create_revision(context, api.id)
    change(context, api, OTHER, draft_basic("other"))
    delete_revision(context, api.id, revision.id)
    assert find_credential(context, api).value == "Basic c2hvcDpnZWhlaW0="
    delete_revision(context, api.id, second.id)
    with store.read() as session:
        (remaining,) = endpoint_security.list_secrets(session)
    assert remaining[1].origins == {OTHER}
    change(context, api, URL, draft_basic("again"))
    assert get_api(context, api.id).kept_security == ()


def find_credential(context, api: Api) -> Credential | None:
    """Return the credential of a revision with the production endpoints of *api*."""
    credentials = read_everything(context.store, SEALING, context.now).credentials.get((api.organization, api.id), {})
    return choose_credentials(replace(api, revision=1), credentials).get("production")


@pytest.mark.sqlite(reason="backups of PostgreSQL are read after they are restored")
@pytest.mark.usefixtures("revision")
def test_backups_and_the_doctor_know_each_secret(context, store, database, api):
    change(context, api, OTHER, SecurityDraft(FOR_USER, "other", "third"))
    hook = ChannelDraft(url="https://hook.test/path")
    create_channel(context, SEALING, "Hook", "slack", hook)
    opened_channel = Secrets("https://hook.test/path").to_bytes()
    with open_to_read(database) as connection:
        rows = list(contents.list_sealed_secrets(connection))
    values = {SEALING.open(row.sealed, row.organization, row.row) for row in rows}
    assert values == {b"geheim", b"other", b"third", opened_channel}
    with store.read() as session:
        rows = list(inspection.list_sealed_secrets(session))
    values = {(what, SEALING.open(sealed_secret, owner, row)) for owner, row, what, sealed_secret in rows}
    assert values == {
        ("https://backend.test", b"geheim"),
        (f"{OTHER}, https://login.test", b"other"),
        (f"{OTHER}, https://login.test", b"third"),
        ("the notification channel Hook", opened_channel),
    }
    assert reseal_keys(store, NEW_KEY, context.now) == (4, 0)


def test_a_copy_has_the_same_secret(context, api):
    copy = copy_api(context, api.id, "2").api
    assert read_credential(context, copy) == read_credential(context, api)


def test_a_new_sealing_key_keeps_secrets_and_without_the_old_one_nothing_is_sent(context, store, api, clock):
    version = read_credential(context, api).security.version
    assert read_credential(context, api, WITHOUT_OLD).value is None
    assert reseal_keys(store, NEW_KEY, clock()) == (1, 0)
    assert read_credential(context, api, WITHOUT_OLD).value == "Basic c2hvcDpnZWhlaW0="
    assert read_credential(context, api, WITHOUT_OLD).security.version == version


def build_value(api: Api, stored_credential: Credential, trust=None) -> str | None:
    """Return the value that gateways send, empty if they reject requests; None if there is no filter."""
    resources = build_api(api, trust or {}, credentials={"production": stored_credential})
    if "credential_injector" not in str(Cluster.FromString(resources.clusters[0].body)):
        return None
    return Secret.FromString(resources.secrets[-1].body).generic_secret.secret.inline_string


def test_a_cluster_with_another_origin_gets_no_secret_whatever_the_database_says(context, api):
    stored_credential = read_credential(context, api)
    here = stored_credential.security.secret
    for origins, is_allowed, value in (
        ({"http://backend.test"}, True, stored_credential.value),
        ({"http://backend.test"}, False, ""),
        ({URL.removesuffix("/base")}, True, ""),
    ):
        secret = replace(here, origins=frozenset(origins))
        security = replace(stored_credential.security, allow_unencrypted=is_allowed, secret=secret)
        moved_api = replace(api, production=parse_endpoint("http://backend.test"), state=State.PUBLISHED)
        assert build_value(moved_api, replace(stored_credential, security=security)) == value
