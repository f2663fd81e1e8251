"""
The lifecycle of APIs: actions, state and history.
"""

from typing import Annotated

from fastapi import Query, Response

from holdfast.apis.catalog.lifecycle import State, list_transitions
from holdfast.apis.definitions.documents import write_json
from holdfast.rest.authentication import RequestContext
from holdfast.rest.catalog.apis import ApiId
from holdfast.rest.catalog.responses import LifecycleHistory, LifecycleState, LifecycleStep, WorkflowResponse
from holdfast.rest.conditions import IfMatch, IfNoneMatch, quote_tag, tag_api
from holdfast.rest.errors import PREFIX
from holdfast.rest.router import Router
from holdfast.services.catalog import api_names, lifecycle
from holdfast.services.catalog.lifecycle import Step
from holdfast.services.versions import make_text_tag

router = Router(prefix=f"{PREFIX}/apis", tags=["API lifecycle"])
_DEPRECATE_OTHERS = "deprecate old versions after publishing the api"


@router.post("/change-lifecycle")
def change_lifecycle(
    context: RequestContext,
    action: Annotated[
        str,
        Query(
            description="`Publish`, `Deploy as a Prototype`, `Demote to Created`, `Block`, `Re-Publish`, `Deprecate` "
            "or `Retire`."
        ),
    ],
    api_id: ApiId,
    expected: IfMatch,
    response: Response,
    checklist: Annotated[
        str,
        Query(
            alias="lifecycleChecklist",
            description="`Deprecate old versions after publishing the API:true` does that; other items are ignored.",
        ),
    ] = "",
) -> WorkflowResponse:
    """
    Change the lifecycle state of an API.

    Gateways serve APIs that are published or deprecated, and answer 503 for those that are blocked. Retired is final.
    """
    items = {name.strip().lower(): value.strip().lower() for name, _, value in _read_checklist(checklist)}
    full_api = lifecycle.move_full_api(
        context,
        api_names.resolve_id(context, api_id),
        action,
        deprecate_others=items.get(_DEPRECATE_OTHERS) == "true",
        expected=expected,
    )
    response.headers["ETag"] = quote_tag(tag_api(full_api))
    return {"workflowStatus": "APPROVED", "jsonPayload": "", "lifecycleState": _write_state(full_api.api.state)}


@router.get("/{api_id}/lifecycle-state")
def get_lifecycle_state(context: RequestContext, api_id: str, unless: IfNoneMatch) -> LifecycleState:
    """
    Get the lifecycle state of an API.

    Returns the state and the actions that can follow.
    """
    state = _write_state(lifecycle.get_state(context, api_id))
    unless.send_tag(make_text_tag(write_json(state)))
    return state


@router.get("/{api_id}/lifecycle-history")
def get_lifecycle_history(context: RequestContext, api_id: str, unless: IfNoneMatch) -> LifecycleHistory:
    """
    List the lifecycle history of an API.

    Returns all changes of its state, oldest first.
    """
    steps = [_write_step(step) for step in lifecycle.list_steps(context, api_id)]
    unless.send_tag(make_text_tag(write_json(steps)))
    return {"count": len(steps), "list": steps}


@router.delete("/{api_id}/lifecycle-state/pending-tasks", response_class=Response)
def delete_pending_tasks(context: RequestContext, api_id: str) -> Response:
    """
    Cancel pending lifecycle changes.

    Does nothing: changes take effect at once, so none are ever pending.
    """
    lifecycle.get_state(context, api_id)
    return Response()


def _read_checklist(checklist: str) -> list[tuple[str, str, str]]:
    return [item.rpartition(":") for item in checklist.split(",")]


def _write_state(current: State) -> LifecycleState:
    return {
        "state": current.value.title(),
        "checkItems": [],
        "availableTransitions": [
            {"event": event, "targetState": state.value.title()} for event, state in list_transitions(current).items()
        ],
    }


def _write_step(step: Step) -> LifecycleStep:
    after: LifecycleStep = {
        "postState": step.after.value.title(),
        "user": step.user,
        "updatedTime": step.at.isoformat(),
    }
    return {"previousState": step.before.value.title(), **after} if step.before else after
