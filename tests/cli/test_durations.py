"""All options accept the same durations."""

from datetime import timedelta

import pytest
import typer

from holdfast.cli.requests.enforcement import parse_within
from holdfast.cli.terminal.durations import parse_duration, parse_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("0.5s", 0.5), ("15m", 900), ("8h", 28_800), ("90d", 7_776_000), ("1d2h3m4s", 93_784), (" 5m ", 300)],
)
def test_a_duration_is_numbers_with_units(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "8", "0s", "0d", "-1h", "1w", "1 h", "h", "3m1h", "1e9s", "9" * 30 + "d", "36501d"]
)
def test_invalid_durations_are_rejected(text):
    with pytest.raises(typer.BadParameter):
        parse_duration(text)


def test_a_number_without_a_unit_is_seconds():
    assert (parse_seconds("30"), parse_seconds("0.1"), parse_seconds("0")) == (30, 0.1, 0)


@pytest.mark.parametrize("text", ["0", "0.05s", "2h", "3601"])
def test_the_timeout_of_waiting_is_bounded(text):
    with pytest.raises(typer.BadParameter):
        parse_within(text)
