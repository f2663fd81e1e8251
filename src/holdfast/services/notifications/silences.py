"""
Manage silences.
"""

import uuid
from collections.abc import Iterable

from holdfast.apis.notifications.event import EventKind
from holdfast.apis.notifications.silence import MAX_SILENCES, Silence, SilenceDraft, check_silence
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import Conflict, NotFound
from holdfast.store.audit import Action, SilenceOf
from holdfast.store.notifications import silences


def list_silences(context: Context) -> list[Silence]:
    """Return the silences that haven't ended, the first to end first. Raises NotPermitted."""
    context.user.require(Permission.MANAGE_NOTIFICATIONS)
    with context.read() as session:
        return silences.list_active(session, context.user.organization, context.now)


def create_silence(context: Context, draft: SilenceDraft) -> Silence:
    """Begin a silence now. Raises NotPermitted, InvalidField, and Conflict if there are too many."""
    context.user.require(Permission.MANAGE_NOTIFICATIONS)
    user = context.user
    silence = check_silence(draft, str(uuid.uuid4()), user.organization, user.name, context.now)
    with context.write() as session:
        if len(silences.list_active(session, user.organization, context.now)) >= MAX_SILENCES:
            raise Conflict("reason", f"There are {MAX_SILENCES} silences, which is the limit. End one first.")
        silences.insert(session, silence)
        write_down(session, user, context.now, Action.CREATE_SILENCE, _name_silence(silence), _describe(silence))
    return silence


def end_silence(context: Context, silence_id: str) -> None:
    """End a silence now; people are notified about what it covered and still is so. Raises NotPermitted, NotFound."""
    context.user.require(Permission.MANAGE_NOTIFICATIONS)
    with context.write() as session:
        silence = silences.get(session, context.user.organization, silence_id, context.now)
        if silence is None:
            raise NotFound("silence", silence_id)
        silences.remove(session, silence)
        write_down(session, context.user, context.now, Action.END_SILENCE, _name_silence(silence), _describe(silence))


def is_silenced(active: Iterable[Silence], kind: EventKind, about: Iterable[str]) -> bool:
    """Return whether one of the silences covers an event of *kind* about these objects."""
    objects = tuple(about)
    return any(silence.covers(kind, objects) for silence in active)


def _name_silence(silence: Silence) -> str:
    return silence.about or (silence.kind.value if silence.kind else "")


def _describe(silence: Silence) -> SilenceOf:
    return SilenceOf(silence.kind.value if silence.kind else "", silence.about, silence.reason, silence.ends_at)
