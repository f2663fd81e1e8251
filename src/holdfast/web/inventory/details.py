"""
The details of an endpoint certificate: a side panel of the list, or a page.
"""

from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from holdfast.services.access import audit_log
from holdfast.services.access.audit_objects import ACTIONS, ObjectKind
from holdfast.services.inventory import lists
from holdfast.services.inventory.lists import Section
from holdfast.services.notifications import owners
from holdfast.services.trust import endpoint_certificates, examination, rotation
from holdfast.store.trust.inventory import Filter
from holdfast.web import dialog
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.inventory.certificates import read_rows
from holdfast.web.inventory.chain_drawing import draw_chain
from holdfast.web.inventory.query import PATH

router = APIRouter(prefix=PATH)


@router.get("/{alias}")
def show(request: Request, runtime: CurrentRuntime, context: RequestContext, alias: str) -> Response:
    """Show what is known about an endpoint certificate."""
    entry = endpoint_certificates.get_certificate(context, alias)
    certificates = lists.list_certificates(context, Filter(alias=alias), Section())
    (row,) = read_rows(runtime, context, certificates)
    return dialog.show(
        request,
        context,
        "inventory/_details.html",
        title=alias,
        section="certificates",
        entry=entry,
        row=row,
        apis=endpoint_certificates.list_apis_using(context, entry),
        owners=owners.list_owners(context, "certificate", alias),
        findings=examination.examine_entry(context, entry),
        in_use=rotation.recall_generation(entry, context.now),
        drawing=draw_chain(entry.certificates),
        history=audit_log.list_history(context, [alias], ACTIONS[ObjectKind.CERTIFICATES]),
        history_link=f"/audit?{urlencode({'kind': ObjectKind.CERTIFICATES, 'subject': alias})}",
    )


@router.get("/{alias}/pem")
def download(context: RequestContext, alias: str) -> Response:
    """Download the current certificates in PEM."""
    entry = endpoint_certificates.get_certificate(context, alias)
    entry.require_readable()
    content = "".join(certificate.pem for certificate in entry.certificates)
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(alias, safe='')}.pem"}
    return Response(content, media_type="application/pem-certificate-chain", headers=headers)
