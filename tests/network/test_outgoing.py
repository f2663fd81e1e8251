"""Requests to receivers reach any of their addresses."""

import asyncio
import ssl

import pytest

from holdfast.network import outgoing
from holdfast.network.addresses import EVERYWHERE
from holdfast.network.delivery import NotDelivered
from holdfast.network.outgoing import Target, post
from receivers import receiver


def test_a_receiver_is_reached_at_the_first_address_that_takes_connections(tmp_path, monkeypatch):
    monkeypatch.setattr(outgoing, "resolve", lambda *_: ["::1", "127.0.0.1"])  # it listens at the second one only
    with receiver(tmp_path, "http") as hook:
        target, tls = Target("http", "hook.test", hook.port, "/"), ssl.create_default_context()
        asyncio.run(post(target, b"{}", {}, EVERYWHERE, tls))
        hook.wait_for(1)
    with pytest.raises(NotDelivered, match="can't be reached"):
        asyncio.run(post(target, b"{}", {}, EVERYWHERE, tls))
