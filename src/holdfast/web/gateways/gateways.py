"""
The page that shows all gateways, and the dialogs to enroll and revoke one.
"""

from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.apis.errors import InvalidField
from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.gateways import enrollment, groups, statuses, token_problems
from holdfast.services.gateways.control_planes import ControlPlaneStatus, list_control_planes
from holdfast.services.gateways.operators import is_operator, require_operator
from holdfast.services.gateways.statuses import GatewayStatus
from holdfast.services.runtime import Runtime
from holdfast.web import dialog, notices
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.gateways.groups import LISTENER_TITLES, list_rows
from holdfast.web.live_events import stream_state
from holdfast.web.paging import limit_page
from holdfast.web.rendering import render, wants_part

router = APIRouter(prefix="/gateways")
PAGE = 50
PAUSE = 0.5  # seconds between events: with many gateways, acknowledgements arrive all the time


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """A gateway on the page; *digest* changes whenever something about it does."""

    status: GatewayStatus
    digest: str


@router.get("")
def list_gateways(request: Request, runtime: CurrentRuntime, context: RequestContext, page: int = 1) -> Response:
    """Show what each gateway has in force."""
    page = limit_page(page)
    all_gateways = statuses.list_statuses(context, runtime.gateway_sources)
    revision = runtime.enforcements.revision
    gateways = all_gateways[(page - 1) * PAGE : page * PAGE]
    return render(
        request,
        "gateways/_list.html" if wants_part(request) else "gateways/list.html",
        context=context,
        section="gateways",
        rows=[GatewayRow(status, _digest(revision, status)) for status in gateways],
        missing_tokens=token_problems.find_shown(context, gateways),
        revision=revision,
        operator=is_operator(context),
        has_others=runtime.store.is_shared,
        groups=[] if wants_part(request) else list_rows(context, all_gateways),
        control_planes=[] if wants_part(request) else _list_control_planes(runtime, context),
        urls_of=runtime.list_urls,
        listeners=LISTENER_TITLES,
        total=len(all_gateways),
        page=page,
        pages=max(1, -(-len(all_gateways) // PAGE)),
    )


@router.get("/live")
def stream_gateways(request: Request, runtime: CurrentRuntime, context: RequestContext) -> Response:
    """Send an event whenever something about a gateway changes; the page then asks for the list."""
    return stream_state(request, runtime, context.user, partial(_digest_all, runtime), PAUSE)


@router.get("/enroll")
def ask_to_enroll(request: Request, runtime: CurrentRuntime, context: RequestContext) -> Response:
    """Show the form for a new gateway."""
    require_operator(context)
    return _show_form(request, runtime, context, {"name": "", "group": DEFAULT_GROUP, "labels": ""}, {})


@router.post("/enroll")
def enroll(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    name: Annotated[str, Form()] = "",
    group: Annotated[str, Form()] = "",
    labels: Annotated[str, Form()] = "",
) -> Response:
    """Create a join token, and show the command that uses it, once."""
    try:
        pins = runtime.publisher_pins()
        invitation = enrollment.create_join_token(
            context, runtime.sealing, name.strip(), group, _read_labels(labels), pins
        )
    except Refusal as error:
        form = {"name": name, "group": group, "labels": labels}
        return _show_form(request, runtime, context, form, error.map_to_fields("name"))
    return dialog.show(
        request,
        context,
        "gateways/_enrolled.html",
        part="gateways/_enrolled_part.html",
        title=f"Gateway {invitation.gateway.name} can join",
        section="gateways",
        gateway=invitation.gateway,
        token=invitation.token,
        publisher=str(request.base_url).rstrip("/"),
    )


@router.get("/{name}/revoke")
def ask_to_revoke(request: Request, context: RequestContext, name: str) -> Response:
    """Ask for confirmation to revoke a gateway."""
    gateway = enrollment.get_gateway(context, name)
    return dialog.show(
        request,
        context,
        "gateways/_revoke.html",
        title=f"Revoke gateway {gateway.name}",
        section="gateways",
        gateway=gateway,
    )


@router.post("/{name}/revoke")
def revoke(request: Request, context: RequestContext, name: str) -> Response:
    """Revoke a gateway."""
    enrollment.revoke_gateway(context, name)
    return notices.redirect(request, "/gateways", "gateway-revoked", name)


def _list_control_planes(runtime: Runtime, context: Context) -> list[ControlPlaneStatus]:
    """Return the control planes for operators, if there can be several."""
    if not runtime.presence.is_shared or not is_operator(context):
        return []
    return list_control_planes(context, runtime.presence)


def _show_form(
    request: Request, runtime: Runtime, context: Context, form: dict[str, str], errors: dict[str, str]
) -> Response:
    return dialog.show(
        request,
        context,
        "gateways/_enroll.html",
        title="Enroll a gateway",
        fields=("name", "group", "labels"),
        errors=errors,
        section="gateways",
        form=form,
        groups=groups.list_groups(context),
        accepts_others=runtime.discovery is not None,
    )


def _read_labels(text: str) -> dict[str, str]:
    """Read labels such as `region=eu tier=edge`. Raises InvalidField."""
    pairs = [label.partition("=") for label in text.split()]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise InvalidField("labels", "Use KEY=VALUE, such as region=eu. Separate labels with spaces.")
    return {key: value for key, _, value in pairs}


def _digest_all(runtime: Runtime, context: Context) -> str:
    gateways = statuses.list_statuses(context, runtime.gateway_sources)
    return _digest(runtime.enforcements.revision, *gateways)


def _digest(revision: int, *gateways: GatewayStatus) -> str:
    return sha256(repr((revision, gateways)).encode()).hexdigest()[:16]
