"""Reads the resources that gateways get: mappings by type and name."""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext

from holdfast.gateway.resources.resource import CLUSTER, ROUTES, SECRET


def list_names(resources, kind):
    """Return the names of the resources of one type."""
    return {name for of, name in resources if of == kind}


def name_clusters(api, environment="production"):
    """Return the names of an API's clusters."""
    return {f"{api.organization}/{api.id}/{environment}"}


def list_paths(resources, environment="production"):
    """Return the paths where APIs are served."""
    return {route.match.path for route in read_routes(resources, environment) if route.match.path}


def read_routes(resources, environment):
    """Return all routes of an environment, in all scopes."""
    scopes = [name for name in list_names(resources, ROUTES) if name.startswith(f"{environment}/")]
    configurations = [ScopedRouteConfiguration.FromString(resources[ROUTES, name].body) for name in scopes]
    return [route for scope in configurations for route in scope.route_configuration.virtual_hosts[0].routes]


def list_secrets(resources, clusters):
    """Return the names of the secrets that *clusters* refer to."""
    secrets = set()
    for name in clusters:
        socket = Cluster.FromString(resources[CLUSTER, name].body).transport_socket
        context = UpstreamTlsContext.FromString(socket.typed_config.value).common_tls_context
        secrets.add(context.combined_validation_context.validation_context_sds_secret_config.name)
    return secrets


def assert_consistent(resources):
    """Check that the clusters of all routes exist, and the secrets of all clusters."""
    targets = {
        route.route.cluster
        for environment in ("production", "sandbox")
        for route in read_routes(resources, environment)
    }
    assert targets <= list_names(resources, CLUSTER)
    assert list_secrets(resources, list_names(resources, CLUSTER)) - {""} <= list_names(resources, SECRET)


def find_changes(before, after):
    """Return the keys of the resources that differ."""
    return {key[1] for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
