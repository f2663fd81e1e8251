"""
Labels of APIs, endpoint certificates and trust settings.
"""

from sqlalchemy.orm import Session

from holdfast.apis.label import LabeledKind, LabeledObject, check_labels
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.apis import find_api
from holdfast.services.catalog.change_records import name_subject
from holdfast.services.trust.admission import find_certificate
from holdfast.services.trust.endpoints import refuse_foreign, secure_endpoint
from holdfast.store import labels
from holdfast.store.audit import Action, ChangedSetting, ChangedSettings

_PERMISSIONS = {
    LabeledKind.API: Permission.CHANGE_APIS,
    LabeledKind.CERTIFICATE: Permission.CHANGE_ENDPOINT_CERTIFICATES,
    LabeledKind.TRUST: Permission.CHANGE_TRUST_SETTINGS,
}


def list_labels(
    context: Context, kind: LabeledKind | None = None, label: str = "", offset: int = 0, limit: int | None = None
) -> tuple[list[LabeledObject], int]:
    """Return a page of the objects with labels, by kind and name, and the number of all matches."""
    context.user.require(Permission.VIEW_APIS)
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    with context.read() as session:
        return labels.find(session, context.user.organization, kind, label, offset, limit)


def set_labels(context: Context, kind: LabeledKind, name: str, texts: list[str]) -> LabeledObject:
    """
    Set all labels of an object: *name* is an API's id, an alias, or the URL of an endpoint.

    Raises:
        NotFound: There is no such API or alias.
        InvalidField: A label is invalid, or *name* isn't an endpoint of any API.
    """
    context.user.require(_PERMISSIONS[kind])
    new_labels = check_labels(texts)
    with context.write() as session:
        key, subject = _find(session, context, kind, name)
        organization = context.user.organization
        before, after = labels.list_of_object(session, organization, kind, key), LabeledObject(kind, key, new_labels)
        if before != new_labels:
            labels.replace(session, organization, after)
            details = ChangedSettings((ChangedSetting("labels", before, new_labels),))
            write_down(session, context.user, context.now, Action.SET_LABELS, subject, details)
    return after


def _find(session: Session, context: Context, kind: LabeledKind, name: str) -> tuple[str, str]:
    """Return the key of an object, and what audit events call it."""
    match kind:
        case LabeledKind.API:
            api = find_api(session, context, name)
            return api.id, name_subject(api)
        case LabeledKind.CERTIFICATE:
            alias = find_certificate(session, context, name).alias
            return alias, alias
        case LabeledKind.TRUST:
            endpoint = secure_endpoint(name)
            refuse_foreign(session, context, endpoint)
            origin = str(endpoint.origin)
            return origin, origin
