"""Requests to receivers reach any of their addresses."""

import asyncio
import ssl

import pytest

from backends import Backend
from holdfast.network import outgoing
from holdfast.network.addresses import EVERYWHERE
from holdfast.network.delivery import NotDelivered
from holdfast.network.outgoing import Target, post
from issuing import issue
from receivers import receiver


def test_a_receiver_is_reached_at_the_first_address_that_takes_connections(tmp_path, monkeypatch):
    monkeypatch.setattr(outgoing, "resolve", lambda *_: ["::1", "127.0.0.1"])  # it listens at the second one only
    with receiver(tmp_path, "http") as hook:
        target, tls = Target("http", "hook.test", hook.port, "/"), ssl.create_default_context()
        asyncio.run(post(target, b"{}", {}, EVERYWHERE, tls))
        hook.wait_for(1)
    with pytest.raises(NotDelivered, match="can't be reached"):
        asyncio.run(post(target, b"{}", {}, EVERYWHERE, tls))


def test_a_receiver_whose_certificate_is_not_trusted_leads_to_the_setting():
    with Backend(issue("localhost")) as hook:
        target, tls = Target("https", "localhost", hook.port, "/"), ssl.create_default_context()
        with pytest.raises(NotDelivered) as failure:
            asyncio.run(post(target, b"{}", {}, EVERYWHERE, tls))
    assert str(failure.value) == (
        f"The certificate of localhost:{hook.port} can't be verified: self-signed certificate. If a private CA issued "
        "it, set HOLDFAST_NOTIFICATION_CA_FILE."
    )
