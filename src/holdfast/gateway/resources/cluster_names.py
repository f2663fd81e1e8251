"""
Names of clusters, which contain the organization, the API and the environment.
"""

from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment


def name_cluster(organization: str, api_id: str, environment: Environment) -> str:
    """Return the name of the cluster of one environment of an API."""
    return f"{organization}/{api_id}/{environment}"


def read_cluster_name(name: str) -> tuple[str, str, Environment] | None:
    """Return the organization, API id and environment in a cluster's name; None if it isn't such a name."""
    organization, _, rest = name.rpartition("/")[0].rpartition("/")
    environment = next((candidate for candidate in ENVIRONMENTS if name == f"{organization}/{rest}/{candidate}"), None)
    return (organization, rest, environment) if organization and rest and environment else None
