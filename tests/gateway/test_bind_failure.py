"""Listeners that Envoy couldn't bind, and why, from the text of one NACK."""

from holdfast.gateway.discovery.bind_failure import BindFailure, read_bind_failures

MEASURED = (
    "Error adding/updating listener(s) production: cannot bind '127.0.0.1:41047': Address already in use\n"
    "sandbox: cannot bind '127.0.0.1:39161': Permission denied\n"
    "production/tls: cannot bind '[::1]:40301': Address already in use\n"
    "sandbox/tls: cannot bind '192.0.2.1:39166': Cannot assign requested address\n"
)


def test_each_listener_has_its_own_address_and_reason():
    assert read_bind_failures(MEASURED) == {
        "production": BindFailure("127.0.0.1:41047", "Address already in use"),
        "sandbox": BindFailure("127.0.0.1:39161", "Permission denied"),
        "production/tls": BindFailure("[::1]:40301", "Address already in use"),
        "sandbox/tls": BindFailure("192.0.2.1:39166", "Cannot assign requested address"),
    }


def test_other_reasons_are_not_bind_failures():
    text = "Error adding/updating listener(s) production: no filter chains\nsandbox: cannot bind '[::]:1': Why\n"
    assert read_bind_failures(text) == {"sandbox": BindFailure("[::]:1", "Why")}
