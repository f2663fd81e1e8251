"""
Acknowledge a failing backend: it stays in the list of failures, but no longer counts as something to look at.
"""

from datetime import timedelta

from sqlalchemy.orm import Session

from holdfast.apis.catalog.endpoint import Environment
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.apis import find_api
from holdfast.services.catalog.change_records import name_subject
from holdfast.services.errors import NotFound
from holdfast.services.failures.failure import Failure
from holdfast.services.failures.failures import Failures
from holdfast.store.audit import Action, FailingEnvironment
from holdfast.store.catalog import failure_acknowledgements
from holdfast.store.catalog.failure_acknowledgements import Acknowledgement

LASTS = timedelta(days=7)  # then the failure counts again, because nobody knows whether it is still the same one
Acknowledgements = dict[tuple[str, str], Acknowledgement]


def acknowledge(context: Context, failures: Failures, api_id: str, environment: Environment) -> Acknowledgement:
    """
    Acknowledge the failures of a backend at all gateways, for LASTS or until it fails in another way.

    Raises:
        NotPermitted: The user can neither change nor publish APIs.
        NotFound: The API doesn't exist, or its backend hasn't failed.
    """
    context.user.require(Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    with context.write() as session:
        api = find_api(session, context, api_id)
        failing = failures.list_of_api(api).get(environment)
        if not failing:
            raise NotFound("failure", f"{api.name} {api.version}, {environment}")
        # The clock of a gateway can be ahead.
        at = max(context.now, *(failure.since for failure in failing))
        acknowledgement = Acknowledgement(context.user.name, at)
        failure_acknowledgements.save(session, context.user.organization, api_id, environment, acknowledgement)
        details = FailingEnvironment(environment)
        write_down(session, context.user, context.now, Action.ACKNOWLEDGE_FAILURE, name_subject(api), details)
    return acknowledgement


def withdraw(context: Context, api_id: str, environment: Environment) -> None:
    """Withdraw the acknowledgement of a backend, if there is one. Raises NotPermitted, NotFound."""
    context.user.require(Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    with context.write() as session:
        api = find_api(session, context, api_id)
        failure_acknowledgements.remove(session, context.user.organization, api_id, environment)
        details = FailingEnvironment(environment)
        write_down(session, context.user, context.now, Action.WITHDRAW_ACKNOWLEDGEMENT, name_subject(api), details)


def read_acknowledgements(session: Session, context: Context) -> Acknowledgements:
    """Return the acknowledgements that may still count, by API and environment."""
    return failure_acknowledgements.list_of_organization(session, context.user.organization, context.now - LASTS)


def find_acknowledgement(acknowledgements: Acknowledgements, failure: Failure) -> Acknowledgement | None:
    """Return the acknowledgement of *failure*; one that began later, or has another cause since then, has none."""
    acknowledgement = acknowledgements.get((failure.latest.api_id, failure.latest.environment or ""))
    return acknowledgement if acknowledgement and failure.since <= acknowledgement.at else None
