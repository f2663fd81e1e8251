"""
The report of a dry run: what an import would reject or leave out, in the format that `apictl import --dry-run` prints.
"""

from collections.abc import Iterable, Mapping

from holdfast.apis.definitions.servers import IneffectivePart
from holdfast.rest.transfer.responses import DryRun, RuleViolation

_POLICY = "Import"
_RULESET = "Holdfast"


def report(errors: Mapping[str, str], parts: Iterable[IneffectivePart]) -> DryRun:
    """Return the report for *errors*, messages by field, and the parts that aren't imported."""
    violations: list[RuleViolation] = [
        {"path": field, "message": text, "severity": "ERROR"} for field, text in errors.items()
    ]
    violations += [{"path": part.what, "message": part.why, "severity": "WARN"} for part in parts]
    if not violations:
        return {"compliance-check": {"result": "pass", "violations": []}}
    return {
        "compliance-check": {
            "result": "fail",
            "violations": [
                {
                    "policy": _POLICY,
                    "rulesets": [{"ruleset": _RULESET, "type": "API_DEFINITION", "rule-violations": violations}],
                }
            ],
        }
    }
