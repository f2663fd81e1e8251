"""
The schemas of Kubernetes, read from the wheel of kubernetes-validate without installing its 16,000 files.

    Schemas(wheel, "1.37").check(document)
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FOLDER = "kubernetes_validate/kubernetes-json-schema/v{version}.0-local-strict"


class Schemas:
    """The strict schemas of one version of Kubernetes: unknown fields are errors."""

    def __init__(self, wheel: Path, version: str) -> None:
        self._wheel = ZipFile(wheel)
        self._folder = FOLDER.format(version=version)
        definitions = Resource.from_contents(self._read("_definitions.json"), DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource("_definitions.json", definitions)
        self._validator = cache(self._make_validator)

    def check(self, document: dict[str, Any]) -> None:
        """Raise jsonschema.ValidationError if Kubernetes wouldn't accept *document*, KeyError for an unknown kind."""
        group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", document["apiVersion"])
        self._validator(f"{document['kind'].lower()}-{group}.json").validate(document)

    def _make_validator(self, name: str) -> Draft202012Validator:
        return Draft202012Validator(self._read(name), registry=self._registry)

    def _read(self, name: str) -> Any:
        return json.loads(self._wheel.read(f"{self._folder}/{name}"))
