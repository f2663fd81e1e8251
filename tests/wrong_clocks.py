"""
Clocks that tests set: a process reads the time plus or minus a difference, and so do those that it starts.

    clock = WrongClock(tmp_path / "clock")
    with Holdfast(tmp_path, forks=False, **clock.environment):
        clock.set(timedelta(days=1))

All that Holdfast compares with the time comes from `utc_now`. Pauses and time limits count on, as when the clock of a
machine is set. Envoy and the verification of TLS read the machine's clock.
"""

from datetime import timedelta
from pathlib import Path

CUSTOMIZATION = Path(__file__).with_name("settable_clock")


class WrongClock:
    """A clock that is right until it is set."""

    def __init__(self, file: Path) -> None:
        """*file* is written."""
        self._file = file
        self.set(timedelta())

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that reads this clock; it must be a new interpreter."""
        return {"PYTHONPATH": str(CUSTOMIZATION), "TEST_CLOCK": str(self._file)}

    def set(self, ahead: timedelta) -> None:
        """Set it ahead of the time, or behind it if *ahead* is negative."""
        new = self._file.with_suffix(".new")
        new.write_text(str(ahead.total_seconds()))
        new.replace(self._file)
