"""
Gateways that follow other control planes of the installation.
"""

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from holdfast.gateway.control.requests import Task
from holdfast.gateway.control.stream import Exchange


class OtherGateways(Protocol):
    """The gateways that follow other control planes, and how they are asked."""

    @property
    def gateways(self) -> Collection[str]:
        """Their names."""

    def exchange(self, gateway: str, task: Task, identity: str) -> AbstractAsyncContextManager[Exchange]:
        """
        Let *gateway* do *task* until the block ends, as `ControlStream.exchange` does. Raises NoAnswer.

        *identity* names the secret that the gateway has for traffic if *task* contains the same private key.
        """

    def lose(self, gateway: str) -> None:
        """End the tasks of *gateway*, because it has connected to this control plane."""
