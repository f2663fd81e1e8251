"""
Reads YAML files into a desired state, and validates it without a publisher.
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import TypeVar

from holdfast.cli.declaration.conversion import Conversion
from holdfast.cli.declaration.desired_state import (
    DesiredState,
    WantedApi,
    WantedCertificate,
    WantedIdentity,
    WantedTrust,
)
from holdfast.cli.declaration.documents import Documents, read_documents
from holdfast.cli.declaration.fields import NOTHING, Fields, Problems
from holdfast.cli.failures import InvalidUsage

Key = TypeVar("Key")
Entry = TypeVar("Entry", WantedApi, WantedCertificate, WantedTrust, WantedIdentity)


def read_desired_state(
    names: Iterable[str], overlays: Iterable[str] = (), variables: Mapping[str, str] = NOTHING, label: str = ""
) -> DesiredState:
    """
    Read files and directories (*.yaml, *.yml), and patch them with *overlays*; `-` is standard input.

    *variables* are the values of `${NAME}`. *label* is the label of files that have none.

    Raises:
        WrongFile: Something is invalid. The text lists all problems, with file, line and field.
        InvalidUsage: *label* isn't that of the files.
    """
    problems = Problems()
    documents = read_documents(names, overlays, variables, problems)
    goal = DesiredState(label=_choose_label(documents, label, problems), files=documents.files)
    conversion, lists = Conversion(documents.files, variables), documents.lists
    goal.has_apis, goal.has_certificates = "apis" in lists, "certificates" in lists

    _collect(
        lists.get("apis"),
        conversion.convert_api,
        goal.apis,
        lambda api: (api.key, f"API {api.name} {api.version}"),
        problems,
    )
    _collect(
        lists.get("certificates"),
        conversion.convert_certificate,
        goal.certificates,
        lambda entry: (entry.alias, f"alias {entry.alias}"),
        problems,
    )
    _collect(lists.get("trust"), conversion.convert_trust, goal.trust, _name_origin, problems)
    _collect(lists.get("gatewayIdentities"), conversion.convert_identity, goal.identities, _name_origin, problems)
    problems.finish()
    return goal


def _choose_label(documents: Documents, label: str, problems: Problems) -> str:
    first = next(iter(documents.labels), "")
    for other, place in documents.labels.items():
        if other != first:
            where = documents.labels[first]
            problems.add(place, f"{where.file}:{where.line} has the label {first}. Use one label, or apply them apart.")
        if label and other != label:
            raise InvalidUsage(
                f"--label is {label}, but {place.file} has the label {other}. Use the same, or leave it out."
            )
    return label or first


def _collect(
    entries: Iterable[Fields] | None,
    convert: Callable[[Fields], Entry | None],
    output: MutableMapping[Key, Entry],
    name: Callable[[Entry], tuple[Key, str]],
    problems: Problems,
) -> None:
    """Convert *entries*; *name* returns the key of each, and words for messages. Duplicates are problems."""
    for fields in entries or ():
        if entry := convert(fields):
            key, words = name(entry)
            first = output.setdefault(key, entry)
            if first is not entry:
                text = f"Duplicate {words}, first at {first.place.file}:{first.place.line}."
                problems.add(entry.place, text)


def _name_origin(entry: WantedTrust | WantedIdentity) -> tuple[str, str]:
    return entry.origin, f"origin {entry.origin}"
