"""Fingerprints on pages are in pairs, and lines break only between pairs."""

from holdfast.web.fingerprints import mark_up_fingerprints


def test_fingerprints_in_text_are_set_as_code_and_other_text_is_escaped():
    pairs = ":<wbr>".join(["AB"] * 32)
    html = mark_up_fingerprints(f"<b>, {'ab' * 32} or CN=<i>")
    assert html == f"&lt;b&gt;, <code>{pairs}</code> or CN=&lt;i&gt;"
    assert mark_up_fingerprints("a certificate from a public CA") == "a certificate from a public CA"
