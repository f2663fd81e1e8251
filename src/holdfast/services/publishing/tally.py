"""
The number of gateways that have what enforces a policy.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.services.publishing.target import Target


@dataclass(frozen=True, slots=True)
class Tally:
    """The number of *gateways*, and the names of those that don't have what they should."""

    gateways: int
    waiting_for: tuple[str, ...]

    def describe_waiting(self, absent: tuple[str, ...], *, behind: bool) -> Enforcement:
        """Return the progress; *behind*: what the gateways have isn't what the database has."""
        number, waiting_for = (0, ()) if behind else (self.gateways - len(self.waiting_for), self.waiting_for)
        return Enforcement(Progress.WAITING, self.gateways, number, waiting_for=waiting_for, disconnected=absent)


def tally_gateways(targets: Iterable[Target], has: Callable[[Target], bool]) -> Tally:
    """Count gateways by name: one that reconnects can have two streams for some seconds."""
    by_name: dict[str, bool] = {}
    for target in targets:
        by_name[target.name] = by_name.get(target.name, True) and has(target)
    return Tally(len(by_name), tuple(name for name, has_it in by_name.items() if not has_it))


def describe_early(targets: Sequence[Target], tally: Tally, absent: tuple[str, ...]) -> Enforcement | None:
    """Return the progress if there are no targets, or one of them rejects a resource."""
    if not targets:
        return Enforcement(Progress.NO_GATEWAY, disconnected=absent)
    refusals = {target.name: reason for target in targets if (reason := target.rejection)}
    if not refusals:
        return None
    number, reason = tally.gateways - len(tally.waiting_for), next(iter(refusals.values()))
    return Enforcement(
        Progress.REFUSED, tally.gateways, number, reason=reason, waiting_for=tuple(refusals), disconnected=absent
    )
