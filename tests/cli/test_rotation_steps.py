"""From any state of an alias, files lead to the desired state without an outage."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.certificates.formats.parsing import parse
from holdfast.cli.declaration.certificate_summary import list_fingerprints, summarize_certificate
from holdfast.cli.declaration.current_state import ExistingCertificate
from holdfast.cli.declaration.desired_state import WantedCertificate
from holdfast.cli.declaration.fields import Place
from holdfast.cli.declaration.rotation import plan_rotation
from issuing import DAY, issue

NOW = datetime.now(UTC)
URL = "https://a.example"
(EXPIRED,) = parse(issue("a", start=-10 * DAY, end=-DAY).pem).certificates
VALID = tuple(parse(issue("a").pem).certificates[0] for _ in range(4))
CONTENTS = {certificate.fingerprint: certificate for certificate in (*VALID, EXPIRED)}
several = st.lists(st.sampled_from([*VALID, EXPIRED]), unique=True, max_size=3).map(tuple)
some = st.lists(st.sampled_from(VALID), unique=True, min_size=1, max_size=2).map(tuple)


def make_existing(current, previous, *, retire_proposed):
    marks = (tuple(map(summarize_certificate, marks_of)) for marks_of in (current, previous))
    return ExistingCertificate("a", URL, *marks, retire_proposed=retire_proposed)


@given(current=some, before=several, listed=several, after=some, keep=st.booleans(), unused=st.booleans())
def test_every_rotation_reaches_the_desired_state_and_keeps_trust_in_between(
    current, before, listed, after, keep, unused
):
    before = tuple(certificate for certificate in before if certificate not in current)
    declaration = WantedCertificate(Place("", 1, ""), Place("", 1, ""), "a", parse_endpoint(URL), after, listed, keep)
    unused = unused and bool(before)
    rotation = plan_rotation(declaration, make_existing(current, before, retire_proposed=unused), CONTENTS, NOW)
    if rotation is None:
        assert list_fingerprints(current) == list_fingerprints(after)
        return
    certificates_kept = () if not keep else (current if list_fingerprints(current) != list_fingerprints(after) else ())
    certificates_kept += () if unused or not keep else before
    expected = list_fingerprints(
        certificate
        for certificate in (*listed, *certificates_kept)
        if certificate not in after and certificate != EXPIRED
    )
    stays = list_fingerprints([*current, *before]) & (list_fingerprints(after) | expected)
    now_current, now_previous = list_fingerprints(current), list_fingerprints(before)
    if rotation.retires:
        now_previous = frozenset()
    for upload in rotation.uploads:
        assert any(certificate != EXPIRED for certificate in upload.certificates), "the publisher would refuse it"
        now_previous = now_current if upload.keep else frozenset()
        now_current = list_fingerprints(upload.certificates)
        assert now_current | now_previous >= stays - {EXPIRED.fingerprint}
    assert (now_current, now_previous) == (list_fingerprints(after), expected)
    state = make_existing(after, [CONTENTS[fingerprint] for fingerprint in now_previous], retire_proposed=False)
    assert plan_rotation(declaration, state, CONTENTS, NOW) is None
