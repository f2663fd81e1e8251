"""
Reports of gateways: how each is doing. An agent sends one when it connects, and then regularly.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from holdfast.gateway.control.messages import MalformedMessage, Members
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.token_problem import TokenProblem
from holdfast.gateway.members.unhealthy import MemberHealth, UnhealthyMember

EVERY = 10.0  # seconds between reports
MAX_PROBLEMS = 20
MAX_TOKENS = 100  # backends without a token
MAX_TEXT = 500  # characters of a problem
MAX_UNHEALTHY = 200  # members
MAX_NAME = 300  # characters of a cluster, an authority or an address
_MAX_ENVIRONMENTS = 4
_WORD = 100


class ProblemKind(StrEnum):
    """The kinds of problems of a gateway."""

    LISTENER = "listener"  # it can't listen on an address
    CERTIFICATE = "certificate"  # that for callers can't be used, or there is none
    ACCESS_LOG = "access-log"  # its file can't be written
    STATE = "state"  # what it serves can't be stored, so it can't start without a control plane


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a gateway, with the agent's sentence about it."""

    kind: ProblemKind
    text: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests to one environment since Envoy started: all, and those answered with 5xx."""

    environment: str
    requests: int
    failures: int


@dataclass(frozen=True, slots=True)
class Report:
    """The state of a gateway, in its own words. Times are aware (UTC), by the gateway's clock."""

    KIND: ClassVar[str] = "report"
    sent_at: datetime
    started_at: datetime  # the agent
    version: str  # of Holdfast
    envoy_version: str = ""  # empty: unknown, because Envoy doesn't answer
    envoy_started_at: datetime | None = None
    envoy_restarts: int = 0  # since the agent started, because Envoy had ended
    envoy_ended_at: datetime | None = None  # when it last ended
    stale_since: datetime | None = None  # since when the agent has had no configuration from the control plane
    lost_reports: int = 0  # messages about failed requests that were dropped, because the control plane was away
    problems: tuple[Problem, ...] = ()
    traffic: tuple[Traffic, ...] = ()
    tokens: tuple[TokenProblem, ...] = ()
    gets_tokens: bool = True  # agents of earlier versions don't
    health: MemberHealth | None = None  # of the members of groups; None: unknown

    def differs_from(self, other: "Report") -> bool:
        """Return whether the gateway's state differs, and not only its traffic."""
        return replace(self, sent_at=other.sent_at, traffic=(), envoy_started_at=None) != replace(
            other, traffic=(), envoy_started_at=None
        )

    def find_token_problem(self, backend: str, carries_token: Callable[[str], bool]) -> TokenProblem | None:
        """Return why the gateway has no token for *backend*; *carries_token* is whether its requests need one."""
        if not self.gets_tokens and carries_token(backend):
            return TokenProblem(backend, Cause.TOKENS_NOT_SUPPORTED.value, f"Holdfast {self.version}")
        return next((problem for problem in self.tokens if problem.backend == backend), None)

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return {
            "sentAt": self.sent_at.timestamp(),
            "startedAt": self.started_at.timestamp(),
            "version": self.version,
            "envoyVersion": self.envoy_version,
            "envoyStartedAt": _write_time(self.envoy_started_at),
            "envoyRestarts": self.envoy_restarts,
            "envoyEndedAt": _write_time(self.envoy_ended_at),
            "staleSince": _write_time(self.stale_since),
            "lostReports": self.lost_reports,
            "problems": [
                {"kind": problem.kind.value, "text": problem.text[:MAX_TEXT]}
                for problem in self.problems[:MAX_PROBLEMS]
            ],
            "traffic": [
                {"environment": traffic.environment, "requests": traffic.requests, "failures": traffic.failures}
                for traffic in self.traffic
            ],
            "tokens": [
                {
                    "backend": token.backend[:MAX_TEXT],
                    "cause": token.cause[:_WORD],
                    "words": token.words[:MAX_TEXT],
                    "validUntil": _write_time(token.valid_until),
                }
                for token in self.tokens[:MAX_TOKENS]
            ],
            "health": _describe_health(self.health) if self.health else None,
        }

    @classmethod
    def from_members(cls, members: Members) -> "Report":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(
            sent_at=members.read_time("sentAt"),
            started_at=members.read_time("startedAt"),
            version=members.read_text("version", _WORD),
            envoy_version=members.read_text("envoyVersion", _WORD),
            envoy_started_at=_read_time(members, "envoyStartedAt"),
            envoy_restarts=members.read_number("envoyRestarts"),
            envoy_ended_at=_read_time(members, "envoyEndedAt"),
            stale_since=_read_time(members, "staleSince"),
            lost_reports=members.read_number("lostReports"),
            problems=tuple(
                problem for item in members.read_objects("problems", MAX_PROBLEMS) if (problem := _read_problem(item))
            ),
            traffic=tuple(_read_traffic(item) for item in members.read_objects("traffic", _MAX_ENVIRONMENTS)),
            tokens=tuple(_read_token(item) for item in _read_token_objects(members)),
            gets_tokens=members.values.get("tokens") is not None,
            health=_read_health(members),
        )


REPORTS: Mapping[str, type[Report]] = {Report.KIND: Report}


def _write_time(time: datetime | None) -> float | None:
    return time.timestamp() if time else None


def _read_time(members: Members, name: str) -> datetime | None:
    return None if members.values.get(name) is None else members.read_time(name)


def _read_problem(members: Members) -> Problem | None:
    """Return a problem; None if it is of a kind that another version knows."""
    kind, text = members.read_text("kind", _WORD), members.read_text("text", MAX_TEXT)
    return Problem(ProblemKind(kind), text) if kind in set(ProblemKind) else None


def _read_token_objects(members: Members) -> list[Members]:
    """Return the problems with tokens; an agent of an earlier version reports none."""
    return list(members.read_objects("tokens", MAX_TOKENS)) if members.values.get("tokens") is not None else []


def _read_token(members: Members) -> TokenProblem:
    texts = (
        members.read_text("backend", MAX_TEXT),
        members.read_text("cause", _WORD),
        members.read_text("words", MAX_TEXT),
    )
    return TokenProblem(*texts, _read_time(members, "validUntil"))


def _describe_health(health: MemberHealth) -> dict[str, Any]:
    short = (
        entry for entry in health.unhealthy if max(map(len, (entry.cluster, entry.member, entry.address))) <= MAX_NAME
    )
    entries = list(itertools.islice(short, MAX_UNHEALTHY))
    return {
        "complete": health.is_complete and len(entries) == len(health.unhealthy),
        "unhealthy": [
            {
                "cluster": entry.cluster,
                "member": entry.member,
                "address": entry.address,
                "cause": entry.cause,
                "since": _write_time(entry.since),
                "status": entry.status,
            }
            for entry in entries
        ],
    }


def _read_health(members: Members) -> MemberHealth | None:
    """Return the health of members; an agent of an earlier version doesn't report it."""
    if not isinstance(values := members.values.get("health"), dict):
        return None
    health = Members(values)
    unhealthy = tuple(_read_unhealthy(item) for item in health.read_objects("unhealthy", MAX_UNHEALTHY))
    return MemberHealth(unhealthy, health.read_flag("complete"))


def _read_unhealthy(members: Members) -> UnhealthyMember:
    return UnhealthyMember(
        members.read_text("cluster", MAX_NAME),
        members.read_text("member", MAX_NAME),
        members.read_text("address", MAX_NAME),
        members.read_text("cause", _WORD),
        _read_time(members, "since"),
        members.read_number("status", 999),
    )


def _read_traffic(members: Members) -> Traffic:
    traffic = Traffic(
        members.read_text("environment", _WORD), members.read_number("requests"), members.read_number("failures")
    )
    if traffic.failures > traffic.requests:
        raise MalformedMessage("failures exceed requests")
    return traffic
