"""Tables are readable on terminals of any width."""

from functools import partial

import pytest

from holdfast.cli.terminal.output import NarrowTable, write_facts, write_table

COLUMNS = ["NAME", "ENDPOINT", "STATE"]
ROWS = [
    ("Pizza", "https://backend.example.internal:8443", "PUBLISHED"),
    ("Pasta", "https://127.0.0.1:8443", "CREATED"),
]
REASON = "the backend is moved to another data center today, and its new certificate comes tomorrow"


@pytest.fixture
def render(monkeypatch, capsys):
    """Return the lines that are printed on a terminal of some columns."""

    def render(columns, write, *arguments):
        monkeypatch.setenv("COLUMNS", str(columns))
        write(*arguments)
        return capsys.readouterr().out.splitlines()

    return render


def test_a_table_that_fits_is_a_table(render):
    assert render(60, write_table, COLUMNS, ROWS, "") == [
        "NAME   ENDPOINT                               STATE",
        "Pizza  https://backend.example.internal:8443  PUBLISHED",
        "Pasta  https://127.0.0.1:8443                 CREATED",
    ]


def test_a_table_that_does_not_fit_is_a_block_for_each_row(render):
    assert render(32, write_table, COLUMNS, ROWS[1:] * 2, "") == [
        "NAME      Pasta",
        "ENDPOINT  https://127.0.0.1:8443",
        "STATE     CREATED",
        "",
        "NAME      Pasta",
        "ENDPOINT  https://127.0.0.1:8443",
        "STATE     CREATED",
    ]


def test_a_table_that_does_not_fit_has_fewer_columns_if_these_fit(render):
    narrow = NarrowTable(["NAME", "IS"], [("Pasta", "CREATED")])
    assert render(32, partial(write_table, narrow=narrow), COLUMNS, ROWS[1:], "") == ["NAME   IS", "Pasta  CREATED"]
    blocks = render(12, write_table, COLUMNS, ROWS[1:], "")
    assert render(12, partial(write_table, narrow=narrow), COLUMNS, ROWS[1:], "") == blocks


def test_a_table_with_titles_that_does_not_fit_is_a_line_for_each_row(render):
    rows = [("ok", "Envoy", "/opt/holdfast/bin/envoy"), ("failed", "TLS", "File not found.")]
    titles = ["ok      Envoy", "failed  TLS"]
    assert render(36, partial(write_table, titles=titles), ("", "Check", "Result"), rows, "") == [
        "ok      Envoy",
        "/opt/holdfast/bin/envoy",
        "failed  TLS    File not found.",
    ]


@pytest.mark.parametrize("columns", [40, 55, 80, 120])
def test_words_are_not_broken_and_lines_fit(render, columns):
    rows = [("https://127.0.0.1:8443", "2026-12-01 10:00", "admin", REASON)]
    lines = render(columns, write_table, ["ORIGIN", "UNTIL (UTC)", "BY", "REASON"], rows, "")
    assert max(map(len, lines)) <= columns
    words = " ".join(lines).split()
    assert [word for value in rows[0] for word in value.split() if word not in words] == []


@pytest.mark.parametrize("columns", [36, 40])
def test_a_long_value_has_a_separate_line(render, columns):
    longer = "658a0cfb-3a05-4e30-9ec3-8791ac261fdf"
    lines = render(columns, write_table, ["NAME", "VERSION", "ID"], [("Pizza", "1.0.0", longer)], "")
    assert lines == ["NAME     Pizza", "VERSION  1.0.0", "ID", longer]


def test_words_longer_than_a_line_are_left_to_the_terminal(render):
    longer = "658a0cfb-3a05-4e30-9ec3-8791ac261fdf"
    lines = render(10, write_table, ["NAME", "ID"], [("Pizza", longer)], "")
    assert lines == ["NAME", "Pizza", "ID", longer]


@pytest.mark.parametrize("columns", [*range(1, 41), 1000])
def test_no_width_is_too_narrow(render, columns):
    assert render(columns, write_table, COLUMNS, ROWS, "") != []
    assert render(columns, write_facts, [("Name", "Pizza"), ("Reason", [REASON, REASON])]) != []


def test_without_a_terminal_nothing_is_wrapped(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    write_table(COLUMNS, [("Pizza", REASON * 20, "PUBLISHED")], "")
    assert len(capsys.readouterr().out.splitlines()) == 2
