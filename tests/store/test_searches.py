"""Searches for APIs and certificates."""

from dataclasses import fields

import pytest

from holdfast.store.catalog import apis
from holdfast.store.catalog.apis import ApiFilter
from holdfast.store.trust import endpoint_certificates
from holdfast.store.unstorable_text import UnstorableText
from store.values import make_api, make_entry

pytestmark = pytest.mark.usefixtures("anna")


def list_names(store, offset=0, limit=None, **fields):
    with store.read() as session:
        matches, total = apis.find(session, "default", ApiFilter(**fields), offset, limit)
        assert offset or limit is not None or len(matches) == total
        return [api.name for api in matches]


@pytest.fixture
def examples(store, anna):
    """Store three APIs, each with something that the others don't have."""
    del anna
    examples = [
        make_api("Pizza", description="Thin and 100% crisp", provider="anna"),
        make_api("Pasta", version="2.0_beta", description="al dente", provider="otto"),
        make_api("Äpfel", context="/fruit", description="'; DROP TABLE api; --", provider="berta"),
    ]
    with store.write() as session:
        for api in examples:
            apis.insert(session, api)


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("name", "IZZ", ["Pizza"]),
        ("name", "äpf", ["Äpfel"]),
        ("name", "ÄPF", ["Äpfel"]),
        ("context", "/fr", ["Äpfel"]),
        ("version", "2.0", ["Pasta"]),
        ("status", "publ", ["Pasta", "Pizza", "Äpfel"]),
        ("provider", "Otto", ["Pasta"]),
        ("description", "drop table", ["Äpfel"]),
        ("name", "", ["Pasta", "Pizza", "Äpfel"]),
        ("anywhere", "dente", ["Pasta"]),
        ("anywhere", "/FRUIT", ["Äpfel"]),
        ("anywhere", "pizz", ["Pizza"]),
        ("anywhere", "burger", []),
        ("name", "burger", []),
    ],
)
@pytest.mark.usefixtures("examples")
def test_a_search_matches_text_anywhere_in_a_field_ignoring_case(store, field, text, expected):
    assert list_names(store, **{field: text}) == expected


@pytest.mark.parametrize("field", [field.name for field in fields(ApiFilter) if field.name != "exact"])
@pytest.mark.usefixtures("examples")
def test_wildcards_of_the_database_are_ordinary_text_in_searches(store, field):
    holding = {("description", "%"): ["Pizza"], ("version", "_"): ["Pasta"]}
    holding |= {("anywhere", text): apis for (_, text), apis in holding.items()}
    for text in ("%", "_", "P%a", "P_zza", "\\", "/%", "' OR '1'='1", '"'):
        assert list_names(store, **{field: text}) == holding.get((field, text), [])


@pytest.mark.usefixtures("examples")
def test_an_exact_search_matches_the_whole_text_ignoring_case(store):
    assert list_names(store, name="pizz", exact=frozenset({"name"})) == []
    assert list_names(store, name="PIZZA", provider="ann", exact=frozenset({"name"})) == ["Pizza"]
    assert list_names(store, name="äPFEL", status="published", exact=frozenset({"name", "status"})) == ["Äpfel"]


@pytest.mark.usefixtures("examples")
def test_all_parts_of_a_search_must_match(store):
    assert list_names(store, name="p", provider="otto") == ["Pasta"]
    assert list_names(store, name="pizza", provider="otto") == []


@pytest.mark.usefixtures("examples")
def test_lists_come_in_pages_by_name(store):
    assert [list_names(store, offset, 1) for offset in range(4)] == [["Pasta"], ["Pizza"], ["Äpfel"], []]


def test_the_name_of_an_api_is_found_ignoring_case(store):
    with store.write() as session:
        apis.insert(session, make_api("Äpfel", context="/fruit"))
        same = apis.list_sharing_name_or_context(session, "default", "ÄPFEL", "/other")
        assert [api.name for api in same] == ["Äpfel"]


def test_certificates_are_found_by_exact_alias_and_by_origin(store):
    with store.write() as session:
        for alias, endpoint in (("b", "https://x.test/1"), ("a", "https://x.test/2"), ("a_b", "https://y.test")):
            endpoint_certificates.insert(session, make_entry(alias, endpoint=endpoint))

    def find(**options):
        with store.read() as session:
            entries, total = endpoint_certificates.find(session, "default", **options)
        assert options.keys() & {"offset", "limit"} or len(entries) == total
        return [entry.alias for entry in entries]

    assert find() == ["a", "a_b", "b"]
    assert find(alias="a") == ["a"]
    assert find(alias="a%") == find(alias="a'--") == find(alias="A") == []
    assert find(endpoint="https://x.test/1") == ["a", "b"]
    assert find(alias="a", endpoint="https://y.test") == []
    assert find(offset=1, limit=1) == ["a_b"]
    with store.read() as session:
        entries = endpoint_certificates.list_of_origins(session, "default", {"https://x.test", "https://z.test"})
        assert [entry.alias for entry in entries] == ["a", "b"]
        assert endpoint_certificates.list_of_origins(session, "default", set()) == []


@pytest.mark.usefixtures("examples")
def test_a_text_with_a_null_character_is_refused_and_never_found(store):
    with pytest.raises(UnstorableText, match=r"U\+0000"), store.write() as session:
        apis.insert(session, make_api("Null", description="a\0b"))
    for field in ("name", "description", "anywhere"):
        assert list_names(store, **{field: "\0"}) == list_names(store, **{field: "Pizz\0a"}) == []
        assert list_names(store, **{field: "Pizza\0"}, exact=frozenset({field})) == []
    with store.read() as session:
        assert apis.get(session, "default", "\0") is None
        assert endpoint_certificates.find(session, "default", "\0") == ([], 0)
