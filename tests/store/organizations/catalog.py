"""Queries for APIs and everything that belongs to one: documents, revisions, deployments, acknowledged failures."""

from dataclasses import replace

from sqlalchemy.exc import NoResultFound

from holdfast.apis.catalog.revision import RevisionContent
from holdfast.apis.label import LabeledKind
from holdfast.store import api_origins, labels
from holdfast.store.api_origins import OriginSource
from holdfast.store.catalog import (
    api_documents,
    api_overviews,
    api_pages,
    api_search,
    apis,
    deployments,
    documents,
    endpoint_security,
    failure_acknowledgements,
    http1_origins,
    revisions,
)
from holdfast.store.catalog.api_overviews import OverviewFilter, Show, Sort
from holdfast.store.catalog.apis import ApiFilter
from store.organizations.rows import FAR, NOW, ORIGIN, further_of, sandbox_of


def _ids(pair):
    return {own.api.id for own in pair}


def _names(pair, ids):
    return [own.name for own in pair if own.api.id in ids]


def _content(session, revision):
    try:
        return revisions.get_content(session, revision)
    except NoResultFound:
        return None


READS = {
    apis.get: lambda session, org, pair: [api for api_id in _ids(pair) if (api := apis.get(session, org, api_id))],
    apis.get_id: lambda session, org, pair: _names(pair, {apis.get_id(session, org, "anna-Pizza-1.0.0")}),
    apis.find: lambda session, org, _: apis.find(session, org, ApiFilter(name="pizza", context="/pizza"))[0],
    apis.list_sharing_name_or_context: lambda session, org, _: apis.list_sharing_name_or_context(
        session, org, "Pizza", "/pizza"
    ),
    apis.list_using_origins: lambda session, org, _: apis.list_using_origins(session, org, {ORIGIN}),
    apis.has_origin: lambda session, org, _: [org] * apis.has_origin(session, org, ORIGIN),
    apis.list_with_ids: lambda session, org, pair: apis.list_with_ids(session, org, _ids(pair)),
    apis.list_in_order: lambda session, org, pair: apis.list_in_order(session, org, _ids(pair)),
    api_pages.find_ids: lambda session, org, pair: [
        own.name for own in pair if own.api.id in api_pages.find_ids(session, org, [], [])[0]
    ],
    apis.list_names: lambda session, org, pair: _names(pair, apis.list_names(session, org, _ids(pair))),
    apis.list_with_context: lambda session, org, _: apis.list_with_context(session, org, "/pizza"),
    apis.list_of_organization: lambda session, org, _: apis.list_of_organization(session, org),
    apis.list_ids_by_origin: lambda session, org, pair: [
        own.name
        for own in pair
        for ids in apis.list_ids_by_origin(session, org, [further_of(own.name)]).values()
        if ids == [own.api.id]
    ],
    api_origins.list_of_api: lambda session, org, pair: [
        own.name for own in pair if api_origins.list_of_api(session, org, own.api.id)
    ],
    api_overviews.find: lambda session, org, _: {
        api
        for sort in Sort
        for show in (Show.ALL, Show.EXPIRING)
        for api in api_overviews.find(session, org, OverviewFilter("pizza", show, expiring=FAR), sort)[0]
    },
    api_overviews.list_trusted_at: lambda session, org, _: [
        org for at in api_overviews.list_trusted_at(session, org, [ORIGIN]).values() if at.count == 1
    ],
    api_search.search: lambda session, org, pair: _names(
        pair, {names.id for names in api_search.search(session, org, ["pizza"], 9)}
    ),
    api_documents.list_members: lambda session, org, pair: [
        members["of"] for members in api_documents.list_members(session, org, _ids(pair)).values()
    ],
    api_documents.has_unreadable_members: lambda session, org, pair: [
        own.name
        for own in pair
        if own.name == org and not api_documents.has_unreadable_members(session, org, own.api.id)
    ],
    api_documents.list_types: lambda session, org, pair: api_documents.list_types(session, org, _ids(pair)).values(),
    api_documents.get_definition: lambda session, org, pair: [
        definition.strip('"')
        for api_id in _ids(pair)
        if (definition := api_documents.get_definition(session, org, api_id))
    ],
    api_origins.list_states: lambda session, org, pair: [
        own.name for own in pair if api_origins.list_states(session, org, [further_of(own.name)])
    ],
    api_origins.list_by_api: lambda session, org, pair: [
        own.name for own in pair if own.api.id in api_origins.list_by_api(session, org, _ids(pair))
    ],
    documents.list_of_api: lambda session, org, pair: [
        document for api_id in _ids(pair) for document in documents.list_of_api(session, org, api_id)
    ],
    documents.get: lambda session, org, pair: [
        documents.get(session, org, own.api.id, own.document.id) for own in pair
    ],
    documents.get_content: lambda session, org, pair: [
        documents.get_content(session, replace(own.document, organization=org)).decode() for own in pair
    ],
    documents.list_sizes: lambda session, org, pair: [
        own.name for own in pair if documents.list_sizes(session, org, own.api.id)
    ],
    documents.get_thumbnail: lambda session, org, pair: [
        thumbnail.content.decode()
        for api_id in _ids(pair)
        if (thumbnail := documents.get_thumbnail(session, org, api_id))
    ],
    deployments.list_places: lambda session, org, pair: _names(
        pair, deployments.list_places(session, org, sorted(_ids(pair)))
    ),
    deployments.list_revisions: lambda session, org, pair: [
        own.name for own in pair if deployments.list_revisions(session, org, own.api.id)
    ],
    failure_acknowledgements.list_of_organization: lambda session, org, pair: _names(
        pair, {api_id for api_id, _ in failure_acknowledgements.list_of_organization(session, org, NOW)}
    ),
    http1_origins.list_among: lambda session, org, _: [org] * len(http1_origins.list_among(session, org, [ORIGIN])),
    labels.find: lambda session, org, pair: [
        own.name for own in pair if labels.find(session, org, label="team") == ([own.labeled_object], 1)
    ],
    labels.list_of_object: lambda session, org, pair: [
        own.name
        for own in pair
        if labels.list_of_object(session, org, LabeledKind.CERTIFICATE, "pizza-backend") == own.labeled_object.labels
    ],
    revisions.list_of_api: lambda session, org, pair: [
        revision for api_id in _ids(pair) for revision in revisions.list_of_api(session, org, api_id)
    ],
    revisions.get: lambda session, org, pair: [revisions.get(session, org, own.revision.id) for own in pair],
    revisions.get_content: lambda session, org, pair: [
        own.name for own in pair if _content(session, replace(own.revision, organization=org))
    ],
    revisions.count: lambda session, org, pair: [
        own.name for own in pair if revisions.count(session, replace(own.api, organization=org))
    ],
    revisions.list_origins: lambda session, org, pair: [
        own.name for own in pair if any(revisions.list_origins(session, replace(own.api, organization=org)).values())
    ],
    revisions.find_deployed: lambda session, org, pair: [
        own.name
        for own in pair
        for deployment in revisions.find_deployed(session, org, [own.api])[own.api.id]
        if deployment.revision
    ],
    revisions.list_deployed: lambda session, org, pair: [
        own.name
        for own in pair
        for deployment in revisions.list_deployed(session, org, [own.api])
        if deployment.revision
    ],
}
WRITES = {
    apis.insert: lambda session, org, own: apis.insert(
        session, replace(own.api, organization=org, id="new", name="New", context="/new", pinned=frozenset())
    ),
    apis.update: lambda session, org, own: apis.update(
        session, replace(own.api, organization=org, name="stolen", context="/stolen", groups=frozenset())
    ),
    apis.remove: lambda session, org, own: apis.remove(session, replace(own.api, organization=org)),
    api_documents.save_members: lambda session, org, own: api_documents.save_members(
        session, replace(own.api, organization=org), {"of": "default"}
    ),
    api_documents.save_definition: lambda session, org, own: api_documents.save_definition(
        session, replace(own.api, organization=org), "stolen"
    ),
    api_origins.replace: lambda session, org, own: api_origins.replace(
        session, org, own.api.id, OriginSource.MEMBER, [sandbox_of("stolen")]
    ),
    documents.insert: lambda session, org, own: documents.insert(
        session, replace(own.document, organization=org, id="new", draft=replace(own.document.draft, name="New")), b""
    ),
    documents.save: lambda session, org, own: documents.save(
        session, replace(own.document, organization=org), b"stolen"
    ),
    documents.save_thumbnail: lambda session, org, own: documents.save_thumbnail(
        session, replace(own.api, organization=org), replace(own.thumbnail, content=b"stolen")
    ),
    documents.remove: lambda session, org, own: documents.remove(session, replace(own.document, organization=org)),
    documents.copy: lambda session, org, own: (
        apis.insert(session, copy := replace(own.api, id="new", name="New", context="/new", organization=org)),
        documents.copy(session, own.api, copy),
    ),
    deployments.replace: lambda session, org, own: deployments.replace(
        session, replace(own.api, organization=org, groups=frozenset())
    ),
    deployments.pin: lambda session, org, own: deployments.pin(
        session, replace(own.api, organization=org), "Default", "stolen", NOW, display_on_devportal=False
    ),
    endpoint_security.replace_sealed: lambda session, org, _: endpoint_security.replace_sealed(
        session, org, lambda *_: b"stolen"
    ),
    failure_acknowledgements.save: lambda session, org, own: failure_acknowledgements.save(
        session, org, own.api.id, "production", replace(own.acknowledgement, user="stolen")
    ),
    failure_acknowledgements.remove: lambda session, org, own: failure_acknowledgements.remove(
        session, org, own.api.id, "production"
    ),
    http1_origins.add: lambda session, org, _: http1_origins.add(session, org, further_of(org), NOW),
    http1_origins.remove: lambda session, org, _: http1_origins.remove(session, org, [ORIGIN]),
    labels.replace: lambda session, org, own: labels.replace(
        session, org, replace(own.labeled_object, labels=("stolen",))
    ),
    labels.remove: lambda session, org, _: labels.remove(session, org, LabeledKind.CERTIFICATE, "pizza-backend"),
    revisions.take_number: lambda session, org, own: revisions.take_number(session, replace(own.api, organization=org)),
    revisions.insert: lambda session, org, own: revisions.insert(
        session, replace(own.revision, organization=org, id="new", number=2), RevisionContent({}, {}, None)
    ),
    revisions.remove: lambda session, org, own: (
        deployments.replace(session, replace(own.api, organization=org, groups=frozenset())),
        revisions.remove(session, replace(own.revision, organization=org)),
    ),
}
FOR_ALL = {
    deployments.count_by_group,
    endpoint_security.list_secrets,
}
