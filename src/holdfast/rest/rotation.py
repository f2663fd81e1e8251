"""
`/endpoint-certificates/{alias}/undo` and `/retire`: the two ends of a replacement.
"""

from typing import Any

from fastapi import APIRouter

from holdfast.rest.authentication import Caller, Running
from holdfast.rest.endpoint_certificates import described_entry
from holdfast.rest.errors import PREFIX
from holdfast.services import rotation

router = APIRouter(prefix=f"{PREFIX}/endpoint-certificates", tags=["Endpoint Certificates"])


@router.post("/{alias}/undo")
def undo_replacement(running: Running, caller: Caller, alias: str) -> dict[str, Any]:
    """Trust again what was under *alias* before it was replaced, instead of what is there now."""
    return described_entry(running, rotation.undo_replacement(running.store, caller, alias, running.now()))


@router.post("/{alias}/retire")
def retire_previous(running: Running, caller: Caller, alias: str) -> dict[str, Any]:
    """End the trust in the previous certificates of *alias*."""
    return described_entry(running, rotation.retire_previous(running.store, caller, alias, running.now()))
