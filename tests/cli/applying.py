"""Runs `holdfast apply` as a separate process, which can be interrupted and answered, and writes files for it."""

import os
import subprocess
from pathlib import Path

from cli.commanding import Command
from issuing import issue
from running import COMMAND

URL = "https://127.0.0.1:8443"
FILE = f"""
holdfast: 1
apis:
  - {{name: Burger, context: /burger, version: 1}}
  - {{name: Pizza, context: /pizza, version: 1, description: wanted, production: '{URL}', state: published}}
certificates:
  - {{alias: pizza, endpoint: '{URL}', file: pizza.pem}}
trust:
  - {{endpoint: '{URL}', tlsMinimum: 1.3}}
"""


def write_files(directory: Path, text: str = FILE) -> Path:
    """Write the certificate and a file with *text*."""
    (directory / "pizza.pem").write_bytes(issue("pizza.example").pem)
    (directory / "a.yaml").write_text(text)
    return directory / "a.yaml"


def start(
    command: Command, file: Path, *arguments: str, url: str = "", stdin: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Start to apply *file*, through *url* if given."""
    return subprocess.Popen(
        [str(COMMAND), "apply", "-f", str(file), *arguments],
        env=os.environ | command.environment | ({"HOLDFAST_URL": url} if url else {}),
        text=True,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
