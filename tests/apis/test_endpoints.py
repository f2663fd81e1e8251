"""Valid and invalid endpoint URLs, and their origins."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.apis.catalog.endpoint import Origin, parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.apis.url import MAX_URL


@pytest.mark.parametrize(
    ("url", "origin", "base_path"),
    [
        ("https://backend.test", Origin("https", "backend.test", 443), ""),
        ("http://backend.test", Origin("http", "backend.test", 80), ""),
        ("https://backend.test:8443/base", Origin("https", "backend.test", 8443), "/base"),
        ("http://backend.test:443", Origin("http", "backend.test", 443), ""),
        ("https://backend.test:/base", Origin("https", "backend.test", 443), "/base"),
        ("https://backend.test:65535", Origin("https", "backend.test", 65535), ""),
        ("HTTPS://Backend.TEST./", Origin("https", "backend.test", 443), ""),
        ("  https://backend.test\n", Origin("https", "backend.test", 443), ""),
        ("https://localhost/a/b/", Origin("https", "localhost", 443), "/a/b"),
        ("https://127.0.0.1:9443", Origin("https", "127.0.0.1", 9443), ""),
        ("https://[::1]:8443/v1", Origin("https", "::1", 8443), "/v1"),
        ("https://[2001:DB8:0:0::1]", Origin("https", "2001:db8::1", 443), ""),
        ("https://bücher.test", Origin("https", "xn--bcher-kva.test", 443), ""),
        ("https://xn--bcher-kva.test", Origin("https", "xn--bcher-kva.test", 443), ""),
        ("https://my_service.test", Origin("https", "my_service.test", 443), ""),
        ("https://backend.test/a%20b/~c;v=1/(d)", Origin("https", "backend.test", 443), "/a%20b/~c;v=1/(d)"),
        ("https://backend.test/...", Origin("https", "backend.test", 443), "/..."),
    ],
)
def test_a_url_means_an_origin_and_a_base_path(url, origin, base_path):
    endpoint = parse_endpoint(url)
    assert (endpoint.origin, endpoint.base_path, endpoint.url) == (origin, base_path, url.strip())


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "missing"),
        ("   ", "missing"),
        ("https://", "no host"),
        ("https:///path", "no host"),
        ("https://:8443", "no host"),
        ("backend.test", "must begin with"),
        ("backend.test:8443", "must begin with"),
        ("//backend.test", "must begin with"),
        ("ftp://backend.test", "must begin with"),
        ("javascript:alert(1)", "must begin with"),
        ("https://backend.test:0", "Port 0"),
        ("https://backend.test:000443", "Port 000443"),
        ("https://backend.test:08443", "Port 08443"),
        ("https://backend.test:\u0664\u0664\u0663", "host and port"),
        ("https://backend.test:8443\\@evil.test", "user name"),
        ("https://backend.test:65536", "Port 65536 doesn't exist"),
        ("https://backend.test:-1", "host and port"),
        ("https://backend.test:https", "host and port"),
        ("https://backend.test:8443:8443", "host and port"),
        ("https://anna@backend.test", "user name"),
        ("https://anna:secret@backend.test", "user name"),
        ("https://@backend.test", "user name"),
        ("https://backend.test#", "Remove everything from"),
        ("https://backend.test/a#b", "Remove everything from"),
        ("https://backend .test", "space"),
        ("https://backend.test/a b", "space"),
        ("https://backend.test/\ta", "control"),
        ("https://backend.test/\x00", "control"),
        ("https://backend.test\r\nHost: other.test", "control"),
        ("https://backend.test/\x7f", "control"),
        ("https://backend.test/.", "as a segment"),
        ("https://backend.test/../etc", "as a segment"),
        ("https://backend.test/a/./b", "as a segment"),
        ("https://backend.test/%2e%2E/etc", "as a segment"),
        ("https://backend.test/.%2e/etc", "as a segment"),
        ("https://backend.test/%zz", "characters"),
        ("https://backend.test/100%", "characters"),
        ("https://backend.test/ü", "characters"),
        ("https://backend.test/<script>", "characters"),
        ("https://backend.test\\evil.test/", "host name"),
        ("https://back%65nd.test", "host name"),
        ("https://*.backend.test", "host name"),
        ("https://-backend.test", "host name"),
        ("https://backend..test", "host name"),
        ("https://" + "a" * 64 + ".test", "host name"),
        ("https://" + "a." * 127 + "test", "host name"),
        ("https://1.2.3", "host name"),
        ("https://256.1.1.1", "host name"),
        ("https://[::1", "host and port"),
        ("https://[::1%25eth0]", "zone"),
        ("https://[v1.backend]", "IPv6"),
        ("https://[127.0.0.1]", "IPv6"),
        ("https://[::1]evil.example:8443/p", "host and port"),
        ("https://evil.example[::1]", "host and port"),
        ("https://[::1][::2]", "host and port"),
        ("https://::1", "host and port"),
        ("https://[::ffff:192.0.2.1]", "Use 192.0.2.1"),
        ("https://0x7f000001", "host name"),
        ("https://127.0.0.0x1", "host name"),
        ("https://backend.test..", "host name"),
        ("https://xn--", "host name"),
        ("https://" + "a" * MAX_URL, "longer"),
    ],
)
def test_an_invalid_endpoint_url_is_refused_with_the_reason(url, why):
    with pytest.raises(InvalidField, match=why) as refusal:
        parse_endpoint(url, "production")
    assert refusal.value.field == "production"
    assert "Use a URL like https://backend.example:8443/base." in str(refusal.value)


@pytest.mark.parametrize("host", ["straße.test", "STRAẞE.test", "ας.test", "a\u200db.test"])
def test_a_host_that_clients_read_differently_is_refused(host):
    """IDNA 2003 turns straße into strasse, IDNA 2008 doesn't: two hosts, perhaps with different owners."""
    with pytest.raises(InvalidField, match="xn--"):
        parse_endpoint(f"https://{host}")


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://backend.test:443", "backend.test"),
        ("https://backend.test:8443", "backend.test:8443"),
        ("http://backend.test:80", "backend.test"),
        ("http://[::1]", "[::1]"),
        ("https://[::1]:8443", "[::1]:8443"),
    ],
)
def test_the_authority_leaves_out_the_port_of_the_scheme(url, authority):
    assert parse_endpoint(url).origin.authority == authority


def test_an_origin_knows_whether_it_is_secure_and_which_name_its_backend_must_present():
    by_name, by_address = parse_endpoint("https://Backend.test").origin, parse_endpoint("http://[::0001]").origin
    assert (by_name.is_secure, by_name.reference.value, by_name.reference.is_ip) == (True, "backend.test", False)
    assert (by_address.is_secure, by_address.reference.value, by_address.reference.is_ip) == (False, "::1", True)


@given(st.text(max_size=60) | st.text("https://[]:.%@#?/\\a1ß", max_size=30).map("https://".__add__))
def test_any_text_is_refused_or_has_an_origin_that_parses_as_itself(text):
    with contextlib.suppress(InvalidField):
        origin = parse_endpoint(text).origin
        assert parse_endpoint(str(origin)).origin == origin


@pytest.mark.parametrize(
    ("url", "origin", "base", "query", "target", "loggable"),
    [
        ("wss://b.test/feed", "https://b.test", "/feed", "", "/feed", "wss://b.test/feed"),
        ("WS://b.test:81", "http://b.test:81", "", "", "/", "WS://b.test:81"),
        ("https://b.test?", "https://b.test", "", "", "/", "https://b.test"),
        (
            "https://b.test/a/?k=v&x&e=",
            "https://b.test",
            "/a",
            "k=v&x&e=",
            "/a/?k=v&x&e=",
            "https://b.test/a/?k=***&x&e=***",
        ),
    ],
)
def test_websocket_urls_and_queries_are_parts_of_an_endpoint(url, origin, base, query, target, loggable):
    endpoint = parse_endpoint(url)
    assert (str(endpoint.origin), endpoint.base_path, endpoint.query) == (origin, base, query)
    assert (endpoint.target, endpoint.loggable_url) == (target, loggable)
