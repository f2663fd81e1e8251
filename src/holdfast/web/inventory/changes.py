"""
Changes of many endpoint certificates: delete those that are selected, and replace one certificate everywhere.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, UploadFile
from starlette.responses import Response

from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import NotFound
from holdfast.services.inventory import bulk, lists
from holdfast.services.inventory.bulk import Replacement
from holdfast.services.inventory.lists import ListedCertificate, Section
from holdfast.services.trust.uploads import open_upload
from holdfast.services.watch.replacements import predict_coverage
from holdfast.store.trust.inventory import CertificateFacts, Filter
from holdfast.web import dialog, notices
from holdfast.web.access.session import RequestContext
from holdfast.web.inventory.query import PATH
from holdfast.web.rendering import render
from holdfast.web.trust.upload_form import read_upload

router = APIRouter(prefix="/certificate-changes")  # below PATH, an alias could have the same name
Aliases = Annotated[list[str] | None, Query(alias="alias", max_length=bulk.MOST_AT_ONCE)]
AliasFields = Annotated[list[str] | None, Form(alias="alias", max_length=bulk.MOST_AT_ONCE)]


@router.get("/delete")
def ask_to_delete(
    request: Request,
    context: RequestContext,
    aliases: Aliases = None,
) -> Response:
    """Ask for confirmation to delete the selected certificates."""
    rows = _find_selected(context, aliases) if aliases else []
    title, template = "Delete certificates", "inventory/_delete.html"
    return dialog.show(request, context, template, title=title, section="certificates", rows=rows)


@router.post("/delete")
def delete(
    request: Request,
    context: RequestContext,
    aliases: AliasFields = None,
) -> Response:
    """Delete the selected certificates."""
    entries = bulk.delete_certificates(context, aliases or [])
    name = entries[0].alias if len(entries) == 1 else f"{len(entries)} certificates"
    return notices.redirect(request, PATH, "certificates-deleted", name)


@router.get("/replace")
def ask_to_replace(
    request: Request,
    context: RequestContext,
    aliases: Aliases = None,
    fingerprint: str = "",
) -> Response:
    """Show the form to replace a certificate everywhere, or under some aliases."""
    context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    return _show_form(request, context, aliases or [], fingerprint)


@router.post("/replace")
def replace(
    request: Request,
    context: RequestContext,
    aliases: AliasFields = None,
    fingerprint: Annotated[str, Form()] = "",
    pem: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    keep: Annotated[bool, Form()] = False,
    confirmed: Annotated[bool, Form()] = False,
    certificate: UploadFile | None = None,
) -> Response:
    """Show a preview of the replacement or, once it is confirmed, carry it out."""
    context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    try:
        data = read_upload(certificate, pem)
        change = Replacement(fingerprint, data, password, aliases or None, keep=keep)
        if confirmed:
            number = len(bulk.replace_everywhere(context, change))
            name = "1 certificate" if number == 1 else f"{number} certificates"
            return notices.redirect(request, PATH, "certificates-replaced", name)
        plan = bulk.plan_replacement(context, change)
        certificates = open_upload(context, data, password).certificates
    except (Refusal, NotFound) as error:
        return _show_form(request, context, aliases or [], fingerprint, str(error), keep=keep)
    return render(
        request,
        "inventory/preview.html",
        context=context,
        section="certificates",
        plan=plan,
        coverage=predict_coverage(context, plan),
        fingerprint=fingerprint,
        new_certificates=certificates,
        pem="".join(replacement.pem for replacement in certificates),
        keep=keep,
        limited=bool(aliases),
    )


def _show_form(
    request: Request,
    context: Context,
    aliases: Sequence[str],
    fingerprint: str,
    error: str = "",
    *,
    keep: bool = True,
) -> Response:
    rows = _find_selected(context, aliases) if aliases else []
    return render(
        request,
        "inventory/replace.html",
        context=context,
        status=422 if error else 200,
        section="certificates",
        rows=rows,
        choices=_count_choices(rows),
        fingerprint=fingerprint,
        error=error,
        keep=keep,
    )


def _find_selected(context: Context, aliases: Sequence[str]) -> list[ListedCertificate]:
    criteria = Filter(aliases=tuple(aliases[: bulk.MOST_AT_ONCE]))
    rows = lists.list_certificates(context, criteria, Section())
    if not rows:
        raise NotFound("endpoint certificate", ", ".join(aliases[:3]))
    return rows


def _count_choices(rows: Sequence[ListedCertificate]) -> list[tuple[CertificateFacts, int]]:
    """Return the current certificates of the selection, those of most aliases first, and the number of aliases."""
    by_fingerprint = {certificate.fingerprint: certificate for row in rows for certificate in row.entry.current}
    numbers = Counter(certificate.fingerprint for row in rows for certificate in row.entry.current)
    return [(by_fingerprint[fingerprint], number) for fingerprint, number in numbers.most_common()]
