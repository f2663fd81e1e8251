"""
Texts of `/openapi.json` about the members of imports and dry runs.
"""

TRANSFER_MEMBERS = {
    "compliance-check": "What an import would reject or leave out.",
    "notImported": "The parts of the archive that Holdfast doesn't have.",
    "policy": "What was checked.",
    "rule-violations": "What would be rejected or left out, each with the reason.",
    "ruleset": "Whose rules they are.",
    "rulesets": "The rules that are violated.",
    "violations": "What would be rejected or left out; empty if the result is `pass`.",
}
