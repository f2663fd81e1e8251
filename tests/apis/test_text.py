"""Characters that names and descriptions can't contain, and how errors name them."""

import io
import unicodedata
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.apis.catalog.api import check_context, check_description, check_name, check_version
from holdfast.apis.catalog.members import check_members
from holdfast.apis.errors import InvalidField, UnreadableArchive
from holdfast.apis.identities.caller_certificate import check_tier
from holdfast.apis.identities.gateway_identity import RequestDraft, check_request
from holdfast.apis.text import check_prose, check_visible
from holdfast.apis.transfer.unpacking import unpack
from holdfast.apis.trust.endpoint_certificate import check_alias
from holdfast.apis.trust.trust_settings import check_exception
from holdfast.services.access.users import make_sign_in_name

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = {
    "name": check_name,
    "alias": check_alias,
    "context": check_context,
    "version": check_version,
    "tier": check_tier,
    "user name": lambda text: make_sign_in_name("default", text),
    "common name": lambda text: check_request(RequestDraft(text)),
    "reason": lambda text: check_exception(text + " because of this", "anna", NOW + timedelta(hours=1), NOW),
    "tag": lambda text: check_members({"tags": ["shop", text]}),
    "owner": lambda text: check_members({"businessInformation": {"technicalOwner": text}}),
}
INVISIBLE = {
    "\u202e": "U+202E (RIGHT-TO-LEFT OVERRIDE)",
    "\u200b": "U+200B (ZERO WIDTH SPACE)",
    "\ufeff": "U+FEFF (ZERO WIDTH NO-BREAK SPACE)",
    "\u2066": "U+2066 (LEFT-TO-RIGHT ISOLATE)",
    "\u200d": "U+200D (ZERO WIDTH JOINER)",
    "\u00ad": "U+00AD (SOFT HYPHEN)",
    "\u2029": "U+2029 (PARAGRAPH SEPARATOR)",
    "\u3164": "U+3164 (HANGUL FILLER)",
    "\ufe0f": "U+FE0F (VARIATION SELECTOR-16)",
    "\u034f": "U+034F (COMBINING GRAPHEME JOINER)",
    "\U000e0041": "U+E0041 (TAG LATIN CAPITAL LETTER A)",
    "\ue000": "U+E000 (a private-use character)",
    "\ud800": "U+D800 (half of a character)",
    "\x07": "U+0007 (a control character)",
    "\u2065": "U+2065 (an unassigned character)",
}


@pytest.mark.parametrize("check", NAMES.values(), ids=NAMES)
def test_a_name_with_an_invisible_character_is_refused_and_the_character_named(check):
    for character, description in INVISIBLE.items():
        if character == "\ud800" and check in (NAMES["tag"], NAMES["owner"]):
            continue  # which JSON in UTF-8 can't have at all
        with pytest.raises(InvalidField) as refusal:
            check(f"Piz{character}za")
        assert f" contains {description}. Remove it." in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a ZWNJ between letters that would join
        "\u0915\u094d\u200d\u0937",  # Devanagari, with a ZWJ after a virama
        "\u05e9\u05dc\u05d5\u05dd",
        "\u6bd4\u8428",
        "\u0e1e\u0e34\u0e0b\u0e0b\u0e48\u0e32",
        "e\u0301t\u00e9",
        "\U0001f355",
    ],
)
def test_names_in_every_script_are_accepted(name):
    assert check_name(name) == name
    assert check_alias(name) == name


@given(st.text(max_size=8))
def test_accepted_names_have_only_visible_characters_and_joiners(text):
    try:
        check_visible(text, "name", "The name")
    except InvalidField:
        return
    assert all(unicodedata.category(character) not in {"Cc", "Cs", "Co", "Zl", "Zp"} for character in text)
    assert {character for character in text if unicodedata.category(character) == "Cf"} <= set("\u200c\u200d")


@pytest.mark.parametrize(
    "character", [*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)), "\x1b", "\x85"]
)
def test_a_description_with_a_control_or_direction_character_is_refused(character):
    with pytest.raises(InvalidField, match=rf"The description contains U\+{ord(character):04X} "):
        check_description(f"sa{character}fe")
    with pytest.raises(InvalidField, match="'x-note' contains"):
        check_members({"x-note": [{"deep": f"sa{character}fe"}]})


def test_a_description_may_have_lines_and_what_scripts_and_emoji_need():
    text = "One\tline\r\nand \u200fanother \u2764\ufe0f \U0001f468\u200d\U0001f4bb"
    assert check_prose(text, "description", "The description") == text


def test_a_file_in_an_archive_with_an_invisible_character_in_its_name_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("Pizza-1/api\u202elmay.exe", "name: Pizza")
    with pytest.raises(UnreadableArchive, match=r"contains U\+202E \(RIGHT-TO-LEFT OVERRIDE\)"):
        unpack(file.getvalue())
