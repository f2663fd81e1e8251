"""
Upgrade an installation without downtime, from an earlier version of this repository, and back.

    make upgrade FROM=v1.2.0

It installs the earlier version from git, and runs PostgreSQL, two control planes and two gateways of it as real
processes. While both gateways are called, and certificates are rotated at both control planes, everything is replaced
in the order of docs/how-to/upgrade.md. A line is printed for each step; the exit code is 1 if a call failed, a change
was lost, or a version didn't start.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import which

from backends import V4, Backend
from issuing import issue
from load import Load
from rotating import Rotation
from running import COMMAND, wait_until
from topology.installation import ControlPlane, Gateway, Installation

ROOT = Path(__file__).parents[2]
IDENTITY = issue(V4)
WITHIN = 120.0  # seconds


@contextmanager
def earlier_version(ref: str, directory: Path) -> Iterator[Path]:
    """Install the version *ref* of this repository below *directory*, and return its command."""
    git, tree = str(which("git")), directory / "earlier"
    subprocess.run([git, "worktree", "add", "--quiet", "--detach", tree, ref], cwd=ROOT, check=True)
    try:
        subprocess.run([str(which("sh")), "tools/install.sh", ".venv", "build", "run"], cwd=tree, check=True)
        yield tree / ".venv/bin/holdfast"
    finally:
        subprocess.run([git, "worktree", "remove", "--force", tree], cwd=ROOT, check=True)


class Upgrade:
    """One installation that is called and changed while parts of it are replaced."""

    def __init__(self, installation: Installation, stack: ExitStack) -> None:
        self._installation = installation
        self._rotating = stack.enter_context(ExitStack())
        one, other = installation.control_planes
        backends = [stack.enter_context(Backend(IDENTITY)) for _ in range(3)]
        self._stable = one.publish_trusted_api(backends[0].url(), IDENTITY.pem)
        for backend in backends[1:]:
            one.publish_api(backend.url())
        for gateway in installation.gateways:
            wait_until(lambda gateway=gateway: gateway.status_of(self._stable) == 200, WITHIN)
        self._rotations = {
            control_plane: self._rotating.enter_context(Rotation(control_plane, backend.url()))
            for control_plane, backend in zip((one, other), backends[1:], strict=True)
        }

    def replace_control_plane(self, control_plane: ControlPlane, command: Path) -> None:
        """Stop one and start *command* instead, while both gateways are called and the other one makes changes."""
        with self._calls(*self._installation.gateways):
            control_plane.stop()
            control_plane.command = command
            control_plane.start()
            self._rotate()

    def kill_control_plane(self, control_plane: ControlPlane) -> None:
        """Kill one and start the same version again."""
        with self._calls(*self._installation.gateways):
            control_plane.kill_publisher()
            control_plane.start()
            self._rotate()

    def replace_gateway(self, gateway: Gateway, command: Path) -> None:
        """Stop one and start *command* instead, while the other one is called."""
        with self._calls(*(other for other in self._installation.gateways if other is not gateway)):
            gateway.stop()
            gateway.command = command
            gateway.run(self._installation.control_planes[0].discovery)
            wait_until(lambda: gateway.status_of(self._stable) == 200, WITHIN)
            self._rotate()

    def check(self) -> None:
        """Stop the rotations, and check that both control planes have the last certificates, enforced."""
        self._rotating.close()
        for rotation in self._rotations.values():
            wait_until(rotation.is_kept, WITHIN)
            for control_plane in self._installation.control_planes:
                answer = control_plane.rest.get("/endpoint-certificates", params={"endpoint": rotation.endpoint})
                aliases = {entry["alias"] for entry in answer.json()["certificates"]}
                assert aliases - rotation.uncertain == {rotation.last} - rotation.uncertain, aliases

    def _rotate(self) -> None:
        self._installation.wait_until_complete()
        for rotation in self._rotations.values():
            rotation.go_on()

    @contextmanager
    def _calls(self, *gateways: Gateway) -> Iterator[None]:
        with ExitStack() as stack:
            loads = [stack.enter_context(Load(gateway, self._stable.path, reconnects=True)) for gateway in gateways]
            yield
            for load in loads:
                load.go_on()
        answers = [load.answers for load in loads]
        assert all(set(statuses) == {"200"} for statuses in answers), answers


def run(ref: str) -> None:
    """Upgrade from the version *ref*, and go back; raises AssertionError if something fails on the way."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        earlier = stack.enter_context(earlier_version(ref, directory))
        installation = stack.enter_context(Installation(directory, command=earlier))
        upgrade = Upgrade(installation, stack)
        one, other = installation.control_planes
        steps = [
            (
                "the first control plane is new, and changed the tables",
                lambda: upgrade.replace_control_plane(one, COMMAND),
            ),
            (
                "the second one, still the earlier version, was killed and started again",
                lambda: upgrade.kill_control_plane(other),
            ),
            ("the second control plane is new", lambda: upgrade.replace_control_plane(other, COMMAND)),
            *(
                (f"gateway {gateway.name} is new", lambda gateway=gateway: upgrade.replace_gateway(gateway, COMMAND))
                for gateway in installation.gateways
            ),
            (
                "the first control plane is the earlier version again",
                lambda: upgrade.replace_control_plane(one, earlier),
            ),
            (
                "the second control plane is the earlier version again",
                lambda: upgrade.replace_control_plane(other, earlier),
            ),
            ("nothing was lost", upgrade.check),
        ]
        for text, step in steps:
            began = time.monotonic()
            step()
            print(f"{time.monotonic() - began:5.1f} s  {text}", flush=True)


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description="Upgrade without downtime from an earlier version, and back.")
    parser.add_argument("ref", help="the earlier version: a tag, branch or commit of this repository")
    try:
        run(parser.parse_args().ref)
    except AssertionError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
