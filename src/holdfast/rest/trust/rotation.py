"""
`/endpoint-certificates/{alias}/undo` and `/retire`: the two ends of a replacement.
"""

from fastapi import APIRouter, Response

from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.rest.access.authentication import CurrentRuntime, RequestContext
from holdfast.rest.conditions import IfMatch, quote_tag
from holdfast.rest.errors import PREFIX
from holdfast.rest.trust.endpoint_certificates import described_entry
from holdfast.rest.trust.responses import EndpointCertificate as Described
from holdfast.services.access.context import Context
from holdfast.services.runtime import Runtime
from holdfast.services.trust import rotation
from holdfast.services.versions import tag_of_certificate

router = APIRouter(prefix=f"{PREFIX}/endpoint-certificates", tags=["Endpoint Certificates"])


@router.post("/{alias}/undo")
def undo_replacement(
    runtime: CurrentRuntime, context: RequestContext, alias: str, expected: IfMatch, response: Response
) -> Described:
    """Trust again what was under *alias* before it was replaced, instead of what is there now."""
    after = rotation.undo_replacement(context, alias, expected)
    return _tagged(runtime, context, after, response)


@router.post("/{alias}/retire")
def retire_previous(
    runtime: CurrentRuntime, context: RequestContext, alias: str, expected: IfMatch, response: Response
) -> Described:
    """End the trust in the previous certificates of *alias*."""
    return _tagged(runtime, context, rotation.retire_previous(context, alias, expected), response)


def _tagged(runtime: Runtime, context: Context, entry: EndpointCertificate, response: Response) -> Described:
    response.headers["ETag"] = quote_tag(tag_of_certificate(entry))
    return described_entry(runtime, context, entry)
