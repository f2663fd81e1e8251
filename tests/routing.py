"""Which requests Envoy's routes are for."""

from envoy.config.route.v3.route_components_pb2 import Route


def covers(route: Route, path: str) -> bool:
    """Return whether *route* is for requests to *path*, apart from what it requires of their headers."""
    match = route.match
    if match.path_separated_prefix:
        return path == match.path_separated_prefix or path.startswith(f"{match.path_separated_prefix}/")
    return path == match.path if match.path else path.startswith(match.prefix)
