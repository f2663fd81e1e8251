"""
Reads YAML files as lists of entries, and patches them with overlays.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.apis.definitions.nodes import Bounds, InvalidYaml, read_nodes
from holdfast.apis.label import check_label
from holdfast.cli.declaration.fields import Fields, Place, Problems, Source
from holdfast.cli.declaration.format import DOCUMENT, FORMAT
from holdfast.cli.failures import WrongFile
from holdfast.cli.terminal.files import read_file, read_input

INPUT = "-"
LISTS = ("apis", "certificates", "trust", "gatewayIdentities")
MAX_FILE = 16 * 1024 * 1024
MAX_FILES = 1000
# No YAML references: with aliases, a few bytes could expand to gigabytes.
_BOUNDS = Bounds(depth=8, nodes=1_000_000, characters=MAX_FILE)


@dataclass(slots=True)
class Documents:
    """
    The entries of all files, by list; a list that is in no file is missing.

    *labels* are the labels of files, with their places. *files* are the SHA-256 of all files that were read.
    """

    lists: dict[str, list[Fields]] = field(default_factory=dict)
    labels: dict[str, Place] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def read_documents(
    names: Iterable[str], overlays: Iterable[str], variables: Mapping[str, str], problems: Problems
) -> Documents:
    """
    Read files and directories (*.yaml, *.yml), then patch them with *overlays*; `-` is standard input.

    An entry of an overlay replaces the fields of the entry with the same key; a null field is removed, and an entry
    with a new key is added. Raises WrongFile; errors in files are added to *problems*.
    """
    documents, remaining = Documents(), MAX_FILE
    for is_overlay, group in ((False, names), (True, overlays)):
        for name in _list_files(group):
            data = read_input(MAX_FILE) if name == INPUT else read_file(Path(name), MAX_FILE)
            remaining -= len(data)
            if remaining < 0:
                raise WrongFile(
                    f"The files are larger than {MAX_FILE // 1024 // 1024} MiB in total. Apply them one by one."
                )
            documents.files[name] = hashlib.sha256(data).hexdigest()
            source = (
                Source("standard input", Path(), variables)
                if name == INPUT
                else Source(name, Path(name).parent, variables)
            )
            if root := _open(data, source, problems):
                _add(documents, root, is_overlay=is_overlay)
    return documents


def _list_files(names: Iterable[str]) -> list[str]:
    files: list[str] = []
    for name in names:
        if name != INPUT and Path(name).is_dir():
            inside = sorted(str(file) for file in Path(name).iterdir() if file.suffix in {".yaml", ".yml"})
            if not inside:
                raise WrongFile(f"{name} has no .yaml or .yml files.")
            files += inside
        else:
            files.append(name)
    if len(files) > MAX_FILES:
        raise WrongFile(f"Found {len(files)} files. The limit is {MAX_FILES}.")
    return files


def _open(data: bytes, source: Source, problems: Problems) -> Fields | None:
    try:
        root = Fields(read_nodes(data, _BOUNDS), source, "", DOCUMENT, problems)
    except InvalidYaml as error:
        problems.add(Place(source.file, error.line, ""), str(error))
        return None
    if root.read_text("holdfast") != FORMAT:
        root.reject("holdfast", f"Each file needs holdfast: {FORMAT}, the version of the format.")
        return None
    return root


def _add(documents: Documents, root: Fields, *, is_overlay: bool) -> None:
    if label := root.read_value("label", check_label, optional=True):
        documents.labels.setdefault(label, root.find_place("label"))
    for name in LISTS:
        entries = root.read_mappings(name)
        if entries is None:
            continue
        present = documents.lists.setdefault(name, [])
        if is_overlay:
            entries = list(_patch(present, entries))
        present += entries
    root.finish()


def _patch(present: list[Fields], patches: list[Fields]) -> Iterator[Fields]:
    """Patch the entries *present*, and yield the patches with a new key."""
    by_key = {key: entry for entry in present if (key := entry.find_key())}
    for patch in patches:
        entry = by_key.get(key) if (key := patch.find_key()) else None
        if entry:
            entry.patch(patch)
        else:
            yield patch
