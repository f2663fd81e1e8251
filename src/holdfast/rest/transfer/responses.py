"""
Types of the responses about imports.
"""

from typing import Literal

from typing_extensions import TypedDict

from holdfast.rest.catalog.api_body import ApiAnswer
from holdfast.rest.catalog.responses import UnusedPart


class ArchiveAnswer(ApiAnswer):
    """An API that was imported, and the parts of its archive that were not, if any."""

    revision: str | None = None
    not_imported: list[UnusedPart] | None = None


class RuleViolation(TypedDict):
    """Something in an archive that is rejected (`ERROR`) or not imported (`WARN`)."""

    path: str
    message: str
    severity: Literal["ERROR", "WARN"]


RulesetViolations = TypedDict(
    "RulesetViolations", {"ruleset": str, "type": str, "rule-violations": list[RuleViolation]}
)


class PolicyViolations(TypedDict):
    """The violations of one policy; Holdfast has only one."""

    policy: str
    rulesets: list[RulesetViolations]


class ComplianceCheck(TypedDict):
    """The result of a dry run."""

    result: Literal["pass", "fail"]
    violations: list[PolicyViolations]


DryRun = TypedDict("DryRun", {"compliance-check": ComplianceCheck})
