"""The settings of a collector of traces."""

import pytest

from holdfast.gateway.telemetry.collector import CA_FILE, CollectorOptions, CollectorUnusable
from holdfast.gateway.telemetry.telemetry import Telemetry
from issuing import issue


@pytest.mark.parametrize(
    "url",
    [
        "collector:4317", "ftp://collector", "https://", "https://collector:0", "https://collector:99999",
        "https://[::1",
    ],
)  # fmt: skip
def test_a_url_that_is_none_of_a_collector_is_rejected(url):
    with pytest.raises(CollectorUnusable):
        CollectorOptions(url).check()


@pytest.mark.parametrize(
    "url",
    [
        "https://secret@collector", "https://:secret@collector", "https://user:secret@collector",
        "user:secret@collector", "https://user:1#secret@collector", "https://collector/v1/traces?key=secret", "https://user:secret@[::1",
    ],
)  # fmt: skip
def test_a_secret_in_a_url_is_rejected_and_not_repeated(url):
    with pytest.raises(CollectorUnusable) as refusal:
        CollectorOptions(url).check()
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff"])
def test_a_file_without_certificates_is_rejected(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CollectorUnusable, match=r"ca\.pem"):
        CollectorOptions("https://collector", file).read(tmp_path)


@pytest.mark.parametrize(("host", "kind"), [("collector.example", "DNS"), ("[::1]", "IP_ADDRESS")])
def test_tls_always_has_roots_and_a_name(tmp_path, host, kind):
    collector = CollectorOptions(f"https://{host}:4317").read(tmp_path)
    common = collector.describe_cluster()["transport_socket"]["typed_config"]["common_tls_context"]
    validation = common["validation_context"]
    assert validation["trusted_ca"] == {"filename": str(tmp_path / CA_FILE)}
    names = [(name["san_type"], name["matcher"]["exact"]) for name in validation["match_typed_subject_alt_names"]]
    assert names == [(kind, host.strip("[]"))]


def test_another_ca_is_another_configuration(tmp_path):
    file, digests = tmp_path / "ca.pem", set()
    for _ in range(2):
        file.write_bytes(issue(ca=True).pem)
        digests.add(Telemetry(collector=CollectorOptions("https://collector", file).read(tmp_path)).digest)
    assert len(digests) == 2
    assert Telemetry().digest == ""
