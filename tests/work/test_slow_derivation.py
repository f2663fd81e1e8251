"""Keys with many rounds of hashing are derived in separate processes, few at a time, with a time limit."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from holdfast.certificates.errors import OpeningTooSlow, TooManyIterations, WrongPassword
from holdfast.certificates.formats.credentials import read_credential
from holdfast.certificates.formats.derivation import MAC_KEY, Derivation, Work
from holdfast.certificates.formats.parsing import parse
from holdfast.work.slow_derivation import SlowDerivation, TooManyFiles
from issuing import issue

pytestmark = pytest.mark.long

OWN = issue("backend.test")
PASSWORD = "gehe\u0131m"
MILLION = 1_000_000
PBES = pkcs12.PBES
SLOW = SlowDerivation(seconds=60)


def make_truststore(rounds: int, algorithm: PBES = PBES.PBESv2SHA256AndAES256CBC, password: str = PASSWORD) -> bytes:
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds).key_cert_algorithm(algorithm)
    protection = builder.hmac_hash(hashes.SHA256()).build(password.encode())
    return pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(OWN.certificate, b"own")], protection)


# The old algorithm derives three keys of this many rounds for one part.
@pytest.mark.parametrize(
    ("rounds", "algorithm"),
    [(MILLION, PBES.PBESv2SHA256AndAES256CBC), (200_000, PBES.PBESv1SHA1And3KeyTripleDESCBC)],
)
def test_a_truststore_with_many_rounds_is_opened(rounds: int, algorithm: PBES):
    data = make_truststore(rounds, algorithm)
    with SLOW.work() as work:
        assert parse(data, PASSWORD, work).certificates[0].der == OWN.der
    with pytest.raises(TooManyIterations, match="00,000 rounds of hashing; the limit is 100,000"):
        parse(data, PASSWORD)


def test_a_wrong_password_is_refused():
    with SLOW.work() as work, pytest.raises(WrongPassword):
        parse(make_truststore(200_000), "wrong", work)


def test_an_identity_with_a_million_rounds_is_opened():
    protection = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(MILLION).build(PASSWORD.encode())
    data = pkcs12.serialize_key_and_certificates(None, OWN.key, OWN.certificate, None, protection)
    with SLOW.work() as work:
        assert read_credential(data, PASSWORD, work=work).chain[0].der == OWN.der


def test_more_than_a_million_rounds_are_refused_before_the_first_one():
    data = make_truststore(MILLION).replace(MILLION.to_bytes(3, "big"), (MILLION + 1).to_bytes(3, "big"))
    with pytest.raises(TooManyIterations, match="1,000,001 rounds of hashing; the limit is 1,000,000"):
        parse(data, PASSWORD, Work(lambda *_: pytest.fail("it was begun")))


@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("pbkdf2", [True, False])
@pytest.mark.parametrize("password", [None, "", "a\U0001f355\ud800"])
def test_a_process_derives_the_same_key(digest: str, pbkdf2: bool, password: str | None):
    how = Derivation(digest, b"salt", 3, pbkdf2)
    assert derive(SLOW, how, 100, password) == how.derive_key(MAC_KEY, 100, password, Work())


def test_opening_a_file_is_stopped_at_the_time_limit():
    start = time.monotonic()
    says = r"Opening the file took longer than 0\.05 seconds"
    with SlowDerivation(seconds=0.05).work() as work, pytest.raises(OpeningTooSlow, match=says):
        parse(make_truststore(MILLION), PASSWORD, work)
    assert time.monotonic() - start < 5


def test_only_a_few_files_wait_and_others_are_refused_at_once():
    slow = SlowDerivation(at_once=1, waiting=2, seconds=60, of_user=4)
    how = Derivation("sha512", b"salt", 300_000, pbkdf2=True)
    barrier = threading.Barrier(4)

    def attempt() -> str:
        barrier.wait(10)
        try:
            derive(slow, how, 32, PASSWORD)
        except TooManyFiles:
            return "refused"
        return "derived"

    with ThreadPoolExecutor(4) as threads:
        attempts = [threads.submit(attempt) for _ in range(4)]
        assert sorted(attempt.result() for attempt in attempts) == ["derived", "derived", "derived", "refused"]
    assert derive(slow, Derivation("sha512", b"salt", 1, pbkdf2=True), 32, PASSWORD)  # all places are free again


def test_a_file_keeps_its_place_until_it_is_opened():
    slow, how = SlowDerivation(at_once=1, waiting=0, seconds=60), Derivation("sha1", b"salt", 1, pbkdf2=True)
    with slow.work() as work:
        assert work.derive_slowly
        work.derive_slowly(how, MAC_KEY, 20, None)
        with pytest.raises(TooManyFiles):
            derive(slow, how, 20, None)
        work.derive_slowly(how, MAC_KEY, 20, None)
    assert derive(slow, how, 20, None)


def test_one_user_can_take_at_most_two_places():
    slow, how = SlowDerivation(at_once=1, waiting=4, seconds=60), Derivation("sha1", b"salt", 1, pbkdf2=True)
    with ExitStack() as files:
        for user in ("amy", "amy", "ben"):
            work = files.enter_context(slow.work(user))
            assert work.derive_slowly
            work.derive_slowly(how, MAC_KEY, 20, None)
        with pytest.raises(TooManyFiles):
            derive(slow, how, 20, None, "amy")
        assert derive(slow, how, 20, None, "ben")
    assert derive(slow, how, 20, None, "amy")


def derive(slow: SlowDerivation, how: Derivation, size: int, password: str | None, user: str = "") -> bytes:
    with slow.work(user) as work:
        assert work.derive_slowly
        return work.derive_slowly(how, MAC_KEY, size, password)
