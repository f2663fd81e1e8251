"""Queries for traffic."""

from holdfast.apis.traffic.measures import Measures
from holdfast.store.traffic import parts, reading
from holdfast.store.traffic.parts import Subject
from holdfast.store.traffic.reading import Selection
from store.organizations.rows import FAR, NOW


def _select(org, api_id):
    return Selection(org, api_id, 60, NOW, FAR)


READS = {
    # Without an id, these are about all APIs of the organization.
    reading.find_traffic: lambda session, org, _: [
        org for row in reading.find_traffic(session, _select(org, "")) if row.measures.requests == 1
    ],
    reading.find_causes: lambda session, org, _: reading.find_causes(session, _select(org, "")),
    reading.sum_by_api: lambda session, org, pair: [
        own.name for own in pair for api_id, *_ in reading.sum_by_api(session, org, 60, NOW, 9) if api_id == own.api.id
    ],
}
WRITES = {
    parts.add_measures: lambda session, org, own: parts.add_measures(
        session, "eu-1", NOW, {Subject(org, own.api.id, "production"): Measures({200: 1})}, [60]
    ),
    parts.add_causes: lambda session, org, own: parts.add_causes(
        session, [(Subject(org, own.api.id, "production"), "eu-1", NOW, own.name, 1)]
    ),
}
FOR_ALL = {
    # It returns each API with its organization, and gateways serve APIs of all organizations.
    parts.find_deployed,
    # These are about gateways, and contain no numbers of an organization.
    parts.add_coverage,
    parts.is_next,
    reading.find_coverage,
}
