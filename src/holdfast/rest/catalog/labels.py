"""
`/labels`: labels of APIs, endpoint certificates and trust settings.
"""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict

from holdfast.apis.label import LabeledKind, LabeledObject
from holdfast.rest.authentication import RequestContext
from holdfast.rest.catalog import responses
from holdfast.rest.catalog.responses import LabeledObjects
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.catalog import labels

router = Router(prefix=f"{PREFIX}/labels", tags=["Labels"])
_OBJECT = "The id of an API, the alias of an endpoint certificate, or the URL of an endpoint for its trust settings."


class LabelsBody(BaseModel):
    """All labels of an object."""

    model_config = ConfigDict(extra="forbid")
    labels: list[str]


@router.get("")
def list_labels(
    context: RequestContext,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    kind: Annotated[LabeledKind | None, Query(description="Only objects of this kind.")] = None,
    label: Annotated[str, Query(description="Only objects with this label.")] = "",
) -> LabeledObjects:
    """
    List objects with labels.

    Returns APIs by their id, endpoint certificates by their alias and trust settings by their origin.
    """
    page, total = labels.list_labels(context, kind, label, offset, limit)
    filters = ({"kind": kind.value} if kind else {}) | ({"label": label} if label else {})
    return {
        "count": len(page),
        "list": [_describe(labeled_object) for labeled_object in page],
        "pagination": paginate(router.prefix, filters, offset, limit, total),
    }


@router.put("")
def set_labels(
    context: RequestContext,
    kind: Annotated[LabeledKind, Query(description="What is labeled.")],
    name: Annotated[str, Query(alias="object", description=_OBJECT)],
    body: LabelsBody,
) -> responses.LabeledObject:
    """
    Set the labels of an object.

    Replaces all labels of the object. Labels are unrelated to the member `labels` of an API, which is only stored.
    """
    return _describe(labels.set_labels(context, kind, name, body.labels))


def _describe(labeled_object: LabeledObject) -> responses.LabeledObject:
    return {"kind": labeled_object.kind, "object": labeled_object.object, "labels": list(labeled_object.labels)}
