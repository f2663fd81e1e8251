"""
Receivers of notifications, each in its own process.

    with receiver(tmp_path, "http", "500,200") as hook:
        ...
        hook.wait_for(2)
"""

import itertools
import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from running import wait_until
from written_files import complete_lines

_PROCESS = Path(__file__).with_name("receiver_process.py")
_numbers = itertools.count()
SECRET = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
ROUTING_KEY = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Receiver:
    """A running receiver, and the file with what it has received."""

    port: int
    file: Path

    @property
    def url(self):
        """The URL of an HTTP receiver."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def received(self):
        """All that it has received, in order."""
        if not self.file.exists():
            return []
        return [json.loads(line) for line in complete_lines(self.file)]

    @property
    def bodies(self):
        """The JSON bodies that it has received."""
        return [json.loads(request["body"]) for request in self.received]

    def wait_for(self, count):
        """Wait until it has received *count* messages, and return them."""
        wait_until(lambda: len(self.received) >= count)
        return self.received


@contextmanager
def receiver(directory, kind, *options):
    """Run a receiver of a *kind*, http or smtp, until the block ends."""
    file = directory / f"received-{next(_numbers)}"
    command = [sys.executable, str(_PROCESS), kind, str(file), *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Receiver(int(process.stdout.readline()), file)
        finally:
            process.kill()
