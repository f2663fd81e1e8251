"""
Containers in compose.yaml, in the Helm chart and in systemd units, checked against what the product has.

    Container(("up", "--without-gateway"), {"HOLDFAST_DATA": "/data"}).check()
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import typer

from holdfast.cli.app import app
from holdfast.network.addresses import Addresses
from holdfast.network.listen_addresses import parse_addresses
from holdfast.server.settings import Settings
from holdfast.server.variables import find_unknown_variables

GATEWAY_ADDRESSES = ("PRODUCTION", "SANDBOX", "PRODUCTION_TLS", "SANDBOX_TLS")
# What `gateway run` reads besides the variables of its options.
OF_AGENTS = {"HOLDFAST_ENVOY", "HOLDFAST_LOG_LEVEL"}


@dataclass(frozen=True, slots=True)
class Container:
    """A container: the arguments of `holdfast`, and its environment."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]

    @property
    def ours(self) -> dict[str, str]:
        """The variables of Holdfast."""
        return {name: value for name, value in self.environment.items() if name.startswith("HOLDFAST_")}

    def check(self) -> None:
        """Check that the command, its options and each variable exist, and that all values can be read."""
        assert find_unknown_variables(self.ours) == {}
        command, rest = find_command(self.arguments)
        with patch.dict(os.environ, self.environment, clear=True):
            # Not run: it only parses options and variables, and so refuses unknown ones.
            parameters = command.make_context("holdfast", list(rest)).params
            if command.name == "up":
                assert Settings().model_fields_set <= set(Settings.model_fields)
                return
        names = {name for parameter in command.params for name in _variables(parameter)}
        assert set(self.ours) <= names | OF_AGENTS
        if parameters.get("join"):
            assert parameters["join_token_file"]

    def files(self) -> dict[str, Path]:
        """Return the variables that name files."""
        names = (name for name in self.ours if name.endswith(("_FILE", "_CERT", "_KEY")))
        return {name: Path(self.ours[name]) for name in names}

    def ports(self) -> set[int]:
        """Return the ports on which it listens."""
        addresses: list[Addresses] = []
        if self.arguments[0] == "up":
            with patch.dict(os.environ, self.environment, clear=True):
                settings = Settings()
            addresses += [settings.publisher, settings.discovery]
            if "--without-gateway" not in self.arguments:
                addresses += [settings.gateway, settings.sandbox, settings.gateway_tls, settings.sandbox_tls]
        else:
            texts = (self.ours.get(f"HOLDFAST_GATEWAY_{name}") for name in GATEWAY_ADDRESSES)
            addresses += [parse_addresses([text]) for text in texts if text]
        return {port for addresses_of_one in addresses for _, port in addresses_of_one}

    @property
    def drain(self) -> float:
        """Seconds for requests in flight when it is stopped."""
        return float(self.ours.get("HOLDFAST_DRAIN_TIMEOUT", "30"))


def find_command(arguments: tuple[str, ...]) -> tuple[click.Command, tuple[str, ...]]:
    """Return the command that *arguments* begin with, and the rest of them."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert arguments, "no command"
        assert arguments[0] in command.commands, arguments
        command, arguments = command.commands[arguments[0]], arguments[1:]
    return command, arguments


def _variables(parameter: click.Parameter) -> list[str]:
    names = parameter.envvar
    return [names] if isinstance(names, str) else list(names or ())


def read_seconds(text: str) -> float:
    """Return a duration of Compose or systemd, such as `45s` or `45`, in seconds."""
    match = re.fullmatch(r"(\d+)s?", text)
    assert match, text
    return float(match[1])
