"""
The dialog for what gateways serve of an API and which requests they let through: default version, operations, CORS,
limits.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from holdfast.apis.catalog import cors_policy, operation_list
from holdfast.apis.catalog.api import build_short_path
from holdfast.apis.catalog.cors_policy import HEADERS, METHODS
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.catalog.request_rules import LIMITS, MAX_REQUESTS
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import apis
from holdfast.services.catalog.default_versions import MEMBER as DEFAULT
from holdfast.services.errors import ContentChanged
from holdfast.services.versions import make_api_tag
from holdfast.web import dialog, notices
from holdfast.web.access.session import RequestContext
from holdfast.web.conditions import Condition, SentCondition

router = APIRouter(prefix="/apis/{api_id}/request-rules")
_SEPARATORS = re.compile(r"[\s,;]+")
_ENABLED = "corsConfigurationEnabled"
_CORS = {
    "origins": "accessControlAllowOrigins",
    "methods": "accessControlAllowMethods",
    "headers": "accessControlAllowHeaders",
    "credentials": "accessControlAllowCredentials",
}
# The fields of the form, by REST's names in errors.
_FIELDS = {
    DEFAULT: "default",
    operation_list.SWITCH: "listed",
    "operations": "listed",
    cors_policy.MEMBER: "cors",
    **{f"{cors_policy.MEMBER}.{member}": name for name, member in _CORS.items()},
    **{f"{LIMITS}.{environment}{unit}": environment for environment in ENVIRONMENTS for unit in ("", "TimeUnit")},
}


@dataclass(frozen=True, slots=True)
class TypedRules:
    """The values of the form; boxes that aren't checked aren't sent."""

    default: Annotated[bool, Form()] = False
    listed: Annotated[bool, Form()] = False
    cors: Annotated[bool, Form()] = False
    origins: Annotated[str, Form()] = ""
    methods: Annotated[str, Form()] = ""
    headers: Annotated[str, Form()] = ""
    credentials: Annotated[bool, Form()] = False
    production: Annotated[str, Form()] = ""
    production_unit: Annotated[str, Form()] = "SECOND"
    sandbox: Annotated[str, Form()] = ""
    sandbox_unit: Annotated[str, Form()] = "SECOND"

    def to_members(self, stored_members: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members for a change; those of *stored_members* that the form doesn't have stay."""
        members: dict[str, Any] = {DEFAULT: self.default, operation_list.SWITCH: self.listed}
        policy = _read_mapping(stored_members.get(cors_policy.MEMBER))
        if self.cors or policy:
            values = {
                _CORS["origins"]: _split(self.origins),
                _CORS["methods"]: _split(self.methods) or None,
                _CORS["headers"]: _split(self.headers) or None,
                _CORS["credentials"]: self.credentials,
            }
            policy |= (values if self.cors else {}) | {_ENABLED: self.cors}
            members[cors_policy.MEMBER] = {name: value for name, value in policy.items() if value is not None}
        limits: dict[str, Any] = {}
        for name, text, unit in (
            ("production", self.production.strip(), self.production_unit),
            ("sandbox", self.sandbox.strip(), self.sandbox_unit),
        ):
            if text:
                limits |= {name: int(text) if re.fullmatch("[0-9]{1,9}", text) else text, f"{name}TimeUnit": unit}
        ours = {name for environment in ENVIRONMENTS for name in (environment, f"{environment}TimeUnit")}
        others = {name: value for name, value in _read_mapping(stored_members.get(LIMITS)).items() if name not in ours}
        return members | {LIMITS: others | limits or None}


@router.get("")
def ask_for_rules(request: Request, context: RequestContext, api_id: str) -> Response:
    """Show the dialog."""
    full_api = apis.get_full_api(context, api_id)
    return _show(request, context, full_api, _read_stored(full_api), Condition(make_api_tag(full_api)))


@router.post("")
def save_rules(
    request: Request,
    context: RequestContext,
    api_id: str,
    rules: Annotated[TypedRules, Depends()],
    condition: SentCondition,
) -> Response:
    """Change the rules, or explain what is wrong."""
    context.user.require(Permission.CHANGE_APIS)
    full_api = apis.get_full_api(context, api_id)
    try:
        apis.change_api(context, api_id, members=rules.to_members(full_api.members), expected=condition.expected)
    except ContentChanged as error:
        return _show(request, context, full_api, rules, Condition.after(error, subject="this API"))
    except Refusal as error:
        errors: dict[str, str] = {}
        for name, text in error.map_to_fields("listed").items():
            errors.setdefault(_FIELDS.get(name, "listed"), text)
        return _show(request, context, full_api, rules, condition, errors)
    return notices.redirect(request, f"/apis/{api_id}", "rules-saved", f"{full_api.api.name} {full_api.api.version}")


def _show(
    request: Request,
    context: Context,
    full_api: FullApi,
    rules: TypedRules,
    condition: Condition,
    errors: dict[str, str] | None = None,
) -> Response:
    return dialog.show(
        request,
        context,
        "api/_request_rules.html",
        title="Request rules",
        fields=tuple(dict.fromkeys(_FIELDS.values())),
        errors=errors,
        condition=condition,
        api=full_api.api,
        page="overview",
        form=asdict(rules),
        short_path=build_short_path(full_api.api.organization, full_api.api.context),
        operations=len(full_api.operations),
        max_requests=MAX_REQUESTS,
        usual={"methods": ", ".join(METHODS), "headers": ", ".join(HEADERS)},
    )


def _read_stored(full_api: FullApi) -> TypedRules:
    """Return the stored values, including those of a policy that isn't enabled."""
    members = full_api.members
    policy, limits = _read_mapping(members.get(cors_policy.MEMBER)), _read_mapping(members.get(LIMITS))
    units = {environment: limits.get(f"{environment}TimeUnit") or "SECOND" for environment in ENVIRONMENTS}
    return TypedRules(
        default=full_api.api.is_default,
        listed=members.get(operation_list.SWITCH) is True,
        cors=policy.get(_ENABLED) is True,
        origins=_join_lines(policy.get(_CORS["origins"]), "\n"),
        methods=_join_lines(policy.get(_CORS["methods"]), ", "),
        headers=_join_lines(policy.get(_CORS["headers"]), ", "),
        credentials=policy.get(_CORS["credentials"]) is True,
        production=str(limits.get("production") or ""),
        production_unit=units["production"],
        sandbox=str(limits.get("sandbox") or ""),
        sandbox_unit=units["sandbox"],
    )


def _read_mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _split(text: str) -> list[str]:
    return [word for word in _SEPARATORS.split(text) if word]


def _join_lines(values: Any, separator: str) -> str:
    return separator.join(map(str, values)) if isinstance(values, list) else ""
