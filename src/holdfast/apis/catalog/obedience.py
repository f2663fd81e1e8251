"""
Which members of WSO2's API body have an effect; docs/reference/members.md is written from this.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from holdfast.apis.catalog.operation_list import SWITCH
from holdfast.apis.catalog.prototype import MEMBER as IMPLEMENTATION
from holdfast.apis.catalog.prototype import MOCKED, SCRIPTED
from holdfast.apis.identities.caller_certificate import MUTUAL_TLS


class Obedience(StrEnum):
    """The effect of a member."""

    OBEYED = "with an effect"
    KEPT = "stored without effect"
    IGNORED = "ignored"


_CHECKED = ("oauth2", "api_key", "basic_auth")
FAILOVER_SWITCH = "failOver"  # of `endpointConfig`


@dataclass(frozen=True, slots=True)
class MemberRule:
    """The effect of a member, and why or how; a value other than those in *neutral* asks for something."""

    obedience: Obedience
    phrase: str
    neutral: tuple[Any, ...] | None = None  # None: no value would change what gateways do


def _make_rules(obedience: Obedience, phrase: str, *names: str) -> dict[str, MemberRule]:
    return {name: MemberRule(obedience, phrase) for name in names}


def _keep_without_effect(phrase: str, *neutral: Any) -> MemberRule:
    return MemberRule(Obedience.KEPT, phrase, (None, "", False, [], {}, *neutral))


MEMBERS: Mapping[str, MemberRule] = {
    **_make_rules(Obedience.OBEYED, "identify the API", "name", "context", "version"),
    **_make_rules(Obedience.OBEYED, "the default version is also served without its number", "isDefaultVersion"),
    **_make_rules(Obedience.OBEYED, f"with `{SWITCH}`, only these are served", "operations"),
    **_make_rules(Obedience.OBEYED, "limits requests to the backend, at each gateway", "maxTps"),
    **_make_rules(Obedience.OBEYED, "if it is enabled", "corsConfiguration"),
    **_make_rules(Obedience.OBEYED, "endpoints, groups, security and connection settings", "endpointConfig"),
    **_make_rules(
        Obedience.OBEYED, f"only `{MUTUAL_TLS}`: tokens, API keys and passwords aren't checked", "securityScheme"
    ),
    **_make_rules(Obedience.OBEYED, "older spelling of the security in `endpointConfig`", "endpointSecurity"),
    **_make_rules(Obedience.OBEYED, "groups of gateways", "gatewayEnvironments"),
    **_make_rules(Obedience.OBEYED, "types that no gateway serves can't be published", "type"),
    **_make_rules(
        Obedience.OBEYED, f"`{MOCKED}`: gateways answer with examples; `INLINE` has no effect", IMPLEMENTATION
    ),
    **_make_rules(Obedience.OBEYED, "shown on pages", "description"),
    "enableSchemaValidation": _keep_without_effect("Envoy has no filter for it"),
    "responseCachingEnabled": _keep_without_effect("responses aren't cached"),
    "apiThrottlingPolicy": _keep_without_effect("callers aren't throttled", "Unlimited"),
    "policies": _keep_without_effect(
        "callers aren't throttled", ["Unlimited"], ["Bronze", "Silver", "Gold", "Unlimited"]
    ),
    "enableSubscriberVerification": _keep_without_effect("there are no subscriptions"),
    "mediationPolicies": _keep_without_effect("messages aren't transformed"),
    "apiPolicies": _keep_without_effect("messages aren't transformed", {"request": [], "response": [], "fault": []}),
    "scopes": _keep_without_effect("tokens of callers aren't checked"),
    "threatProtectionPolicies": _keep_without_effect("bodies aren't inspected", {"list": []}),
    "visibility": _keep_without_effect("everyone in the organization sees the API", "PUBLIC"),
    "accessControl": _keep_without_effect("roles decide for all APIs", "NONE"),
    "advertiseInfo": MemberRule(Obedience.KEPT, "there is no developer portal"),
    **_make_rules(
        Obedience.KEPT,
        "describe the API to people and other tools",
        *("displayName", "tags", "categories", "labels", "businessInformation", "additionalProperties"),
        *("additionalPropertiesMap", "visibleRoles", "visibleTenants", "visibleOrganizations", "accessControlRoles"),
        *("subscriptionAvailability", "subscriptionAvailableTenants", "organizationPolicies", "serviceInfo"),
        *("enableStore", "destinationStatsEnabled", "deploymentEnvironments"),
    ),
    **_make_rules(
        Obedience.KEPT,
        "belong to features of WSO2's gateway",
        *("transport", "authorizationHeader", "apiKeyHeader", "audience", "audiences", "cacheTimeout", "keyManagers"),
        *("gatewayVendor", "gatewayType", "asyncTransportProtocols", "websubSubscriptionConfiguration"),
        *("primaryProductionEndpointId", "primarySandboxEndpointId"),
        "initiatedFromGateway",
    ),
    **_make_rules(
        Obedience.IGNORED,
        "set by Holdfast",
        *("id", "lifeCycleStatus", "workflowStatus", "createdTime", "lastUpdatedTime", "lastUpdatedTimestamp"),
        *("hasThumbnail", "isRevision", "revisionId", "revisionedApiId", "wsdlInfo", "wsdlUrl", "testKey"),
        *("monetization", "provider"),
    ),
}

# Members of `endpointConfig` for groups, and of the endpoints in it.
GROUP_MEMBERS: Mapping[str, MemberRule] = {
    **_make_rules(Obedience.OBEYED, "`load_balance` or `failover`", "endpoint_type"),
    **_make_rules(Obedience.OBEYED, "endpoints, the first one first", "production_endpoints", "sandbox_endpoints"),
    **_make_rules(Obedience.OBEYED, "for `failover`, in their order", "production_failovers", "sandbox_failovers"),
    **_make_rules(
        Obedience.OBEYED,
        "for `load_balance`: `RoundRobin` or `LeastRequest`; others, and two that differ, get 400",
        *("algoCombo", "algoClassName"),
    ),
    **_make_rules(
        Obedience.OBEYED,
        "for `load_balance`: `transport` or `simpleClientSession`; `soap` gets 400",
        "sessionManagement",
    ),
    **_make_rules(Obedience.OBEYED, "for `load_balance`: how long the cookie lives, in milliseconds", "sessionTimeOut"),
    **_make_rules(Obedience.OBEYED, "Holdfast's own members", "sessionHeader", "healthCheck", "weight"),
    **_make_rules(
        Obedience.OBEYED,
        "for `load_balance`: the lowest number gets requests first; for `failover`, one that contradicts the order of "
        "endpoints gets 400",
        "priority",
    ),
    FAILOVER_SWITCH: MemberRule(Obedience.KEPT, "other members always take the requests of one that fails"),
    **_make_rules(Obedience.KEPT, "belongs to WSO2's gateway", "template_not_supported"),
}


def list_unobeyed(members: Mapping[str, Any]) -> list[str]:
    """Return the names of those *members* of a description that ask gateways for something that they don't do."""
    asking = [name for name in members if (rule := MEMBERS.get(name)) and _asks_for_something(rule, members[name])]
    schemes = members.get("securityScheme")
    if isinstance(schemes, list) and any(str(scheme).lower().startswith(_CHECKED) for scheme in schemes):
        asking.append("securityScheme")
    if members.get(IMPLEMENTATION) in SCRIPTED:
        asking.append(IMPLEMENTATION)
    config = members.get("endpointConfig")
    # WSO2's clients send a text; Holdfast's import from `apictl` parameters, a Boolean.
    if (
        isinstance(config, dict)
        and config.get("endpoint_type") == "load_balance"
        and str(config.get(FAILOVER_SWITCH)).lower() == "false"
    ):
        asking.append(f"endpointConfig.{FAILOVER_SWITCH}")
    return sorted(asking)


def write_table(obedience: Obedience, rules: Mapping[str, MemberRule] = MEMBERS) -> list[str]:
    """Return the rows of a Markdown table of the members in *rules* with *obedience*."""
    names: dict[str, list[str]] = {}
    for name, rule in rules.items():
        if rule.obedience is obedience:
            names.setdefault(rule.phrase, []).append(name)
    return [f"| {_quote_names(sorted(members))} | {phrase} |" for phrase, members in names.items()]


def _asks_for_something(rule: MemberRule, value: Any) -> bool:
    return rule.neutral is not None and value not in rule.neutral


def _quote_names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
