"""
Every knob, typed. Each is also an environment variable: `HOLDFAST_` and its name.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Address = tuple[str, int]


def read_address(value: object) -> object:
    """Read HOST:PORT, the host an IP address (IPv6 in brackets); raise ValueError when it is none."""
    if not isinstance(value, str):
        return value
    host, _, port = value.rpartition(":")
    try:
        number = int(port)
        address = str(ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError as error:
        raise ValueError(f"{value!r} is not HOST:PORT with an IP address, like 127.0.0.1:9080") from error
    if not 0 < number < 65536:
        raise ValueError(f"{value!r} has a port that is not between 1 and 65535")
    return address, number


ListenAddress = Annotated[Address, NoDecode, BeforeValidator(read_address)]


class Settings(BaseSettings):
    """What `holdfast up` may be told, on the command line or by HOLDFAST_* variables."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_", frozen=True)

    data: Path = Path("~/.local/share/holdfast")
    publisher: ListenAddress = ("127.0.0.1", 9080)
    gateway: ListenAddress = ("127.0.0.1", 8280)
    sandbox: ListenAddress = ("127.0.0.1", 8281)
    admin_password: SecretStr | None = None
    sealing_key: SecretStr | None = None
    sealing_key_file: Path | None = None
    envoy: Path | None = None
    drain: float = Field(default=60.0, gt=0)  # seconds
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
