"""The list of APIs: health, certificates, filters, search and order."""

import re
from dataclasses import replace

import pytest

from holdfast.apis.watch.watched_endpoint import Coverage, Silence
from holdfast.gateway.failures.access_log import FailedRequest
from holdfast.gateway.failures.evidence import Evidence
from holdfast.store.watch import watched_endpoints
from issuing import DAY, issue
from rest.calls import APIS, ENDPOINTS, create_api, upload


@pytest.fixture
def apis(client, shared_runtime, berta):
    """APIs in every state of health, by name."""
    apis_by_name = {name: create_api(client, name, url) for name, url in (
        ("Fine", "https://fine.test"),
        ("Failing", "https://failing.test:8443"),
        ("Off", "https://off.test"),
        ("Plain", "http://plain.test"),
        ("Draft", "https://draft.test"),
        ("Empty", None),
        ("Silent", "https://silent.test"),
        ("Untrusted", "https://untrusted.test"),
    )}  # fmt: skip
    for name in ("Fine", "Failing", "Off", "Plain", "Silent", "Untrusted"):
        client.post(f"{APIS}/change-lifecycle", params={"apiId": apis_by_name[name]["id"], "action": "Publish"})
    shared_runtime.failures.record(
        FailedRequest(
            gateway="local",
            cluster=f"{berta.organization}/{apis_by_name['Failing']['id']}/production",
            upstream="",
            evidence=Evidence(flags=frozenset({"UT"})),
            request_id="",
            at=shared_runtime.now(),
        )
    )
    body = {"reason": "the certificate is renewed", "until": (shared_runtime.now() + DAY / 2).isoformat()}
    assert client.put(f"{ENDPOINTS}/trust-exception", params={"endpoint": "https://off.test"}, json=body).is_success
    for alias, name, days in (("soon", "fine", 9), ("late", "draft", 99)):
        assert upload(client, issue(f"{name}.test", end=days * DAY).pem, alias, f"https://{name}.test").is_success
    watch(shared_runtime, berta.organization)
    return apis_by_name


def watch(runtime, organization):
    """Record the last checks of backends: two don't answer, and gateways would reject what two others present."""
    now = runtime.now()
    silence, rejection = Silence(now, "connection_refused", 1, now), Coverage("trust", accepted=False, cause="expired")
    acceptance = Coverage("trust", accepted=True, until=now + DAY)
    states = {
        "silent": {"silence": silence},
        "failing": {"silence": silence, "coverage": rejection},
        "untrusted": {"coverage": rejection},
        "draft": {"coverage": rejection},
        "fine": {"coverage": acceptance},
        "off": {"coverage": replace(acceptance, until=now)},
    }
    origins = {f"https://{name}.test{':8443' if name == 'failing' else ''}": state for name, state in states.items()}
    with runtime.store.write() as session:
        watched_endpoints.add(session, [(organization, origin) for origin in origins])
        for origin, endpoint in watched_endpoints.list_by_origin(session, organization, origins).items():
            watched_endpoints.save(session, replace(endpoint, **origins[origin]))


def names(client, **parameters):
    """Return the names of the APIs on the page, in its order."""
    text = client.get("/apis", params=parameters, headers={"HX-Request": "true"}).text
    return re.findall(r'class="row-link" href="[^"]*">([^<]*)<', text)


@pytest.mark.usefixtures("apis")
def test_the_health_of_each_api_is_shown_and_filters(client):
    text = client.get("/apis").text
    assert re.findall(r'data-health="([^"]*)"', text) == [
        "not-live", "without-endpoint", "failing", "no-failures", "unverified", "plain", "unreachable", "not-trusted",
    ]  # fmt: skip
    for show, expected in (
        ("failing", ["Failing"]),
        ("unverified", ["Off"]),
        ("not-trusted", ["Off", "Untrusted"]),
        ("unreachable", ["Failing", "Silent"]),
        ("plain", ["Plain"]),
        ("without-endpoint", ["Empty"]),
        ("not-live", ["Draft", "Empty"]),
        ("expiring", ["Fine"]),
        ("unknown", ["Draft", "Empty", "Failing", "Fine", "Off", "Plain", "Silent", "Untrusted"]),
    ):
        assert names(client, show=show) == expected, show
        if f'data-health="{show}"' in text:  # each row says why it is there, whatever comes first
            assert client.get("/apis", params={"show": show}).text.count(f'data-health="{show}"') == len(expected), show


@pytest.mark.usefixtures("apis")
def test_apis_are_found_by_name_context_version_and_host(client):
    assert names(client, query="FAIL") == ["Failing"]
    assert names(client, query="/dra") == ["Draft"]
    assert len(names(client, query="1.0.0")) == 8
    assert names(client, query="off.test") == ["Off"]
    assert names(client, query="8443") == ["Failing"]
    assert names(client, query="test", show="plain") == ["Plain"]
    assert names(client, query="nothing") == []


@pytest.mark.usefixtures("apis")
def test_apis_are_sorted_by_any_column(client):
    assert names(client, sort="-name") == ["Untrusted", "Silent", "Plain", "Off", "Fine", "Failing", "Empty", "Draft"]
    assert names(client, sort="expires")[:2] == ["Fine", "Draft"]
    assert names(client, sort="-expires")[:2] == ["Draft", "Fine"]
    assert names(client, sort="state")[:2] == ["Draft", "Empty"]
    assert names(client, sort="nothing") == names(client)
    assert 'aria-sort="descending"' in client.get("/apis", params={"sort": "-changed"}).text


def test_another_organization_sees_none_of_it(stranger, apis):
    assert len(apis) == 8
    assert names(stranger) == []
    own_api = create_api(stranger, "Own", "https://untrusted.test")
    stranger.post(f"{APIS}/change-lifecycle", params={"apiId": own_api["id"], "action": "Publish"})
    assert names(stranger) == ["Own"]
    assert names(stranger, show="not-trusted") == []
