"""
`/silences`: what nobody is notified of for a while.
"""

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from holdfast.apis.notifications.silence import Silence, SilenceDraft
from holdfast.rest.authentication import RequestContext
from holdfast.rest.inputs import Time
from holdfast.rest.notifications.responses import NotificationSilence, NotificationSilences
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.notifications import silences

router = Router(prefix=f"{PREFIX}/silences", tags=["Notifications"])


class SilenceBody(BaseModel):
    """A new silence, of a kind of event, an object, or both."""

    model_config = ConfigDict(extra="forbid")
    kind: str = Field("", description="The kind of event; empty: any.")
    about: str = Field("", description="The object, such as `gateway:eu-1` or `api:ID`; empty: any.")
    reason: str = Field(description="Why nobody should be notified.")
    until: Time = Field(description="When the silence ends, within 90 days.")


@router.get("")
def list_silences(context: RequestContext) -> NotificationSilences:
    """List the silences that haven't ended."""
    all_silences = silences.list_silences(context)
    return {"count": len(all_silences), "list": [_describe(silence) for silence in all_silences]}


@router.post("", status_code=201)
def create_silence(context: RequestContext, body: SilenceBody) -> NotificationSilence:
    """
    Create a silence.

    Until it ends, nobody is notified of what it covers. What is still so when it ends is sent then.
    """
    return _describe(silences.create_silence(context, SilenceDraft(body.kind, body.about, body.reason, body.until)))


@router.delete("/{silence_id}", status_code=204)
def delete_silence(context: RequestContext, silence_id: str) -> Response:
    """End a silence."""
    silences.end_silence(context, silence_id)
    return Response(status_code=204)


def _describe(silence: Silence) -> NotificationSilence:
    return {
        "id": silence.id,
        "kind": silence.kind.value if silence.kind else "",
        "about": silence.about,
        "reason": silence.reason,
        "createdBy": silence.created_by,
        "createdTime": silence.created_at.isoformat(),
        "until": silence.ends_at.isoformat(),
    }
