"""
Explain JSON Schema errors as sentences. If several forms are allowed, explain the one that was probably meant.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from jsonschema_rs import ValidationError

MAX_MESSAGE = 300  # characters
_ALTERNATIVES = ("oneOf", "anyOf")
_SUBSEQUENT = ("unevaluatedProperties", "unevaluatedItems", "oneOf")  # reported in addition to other errors
_DISTINGUISHING = ("enum", "const")  # of a member that selects the form, such as `in` and `type`
_MAX_DEPTH = 8


def explain(errors: Iterable[ValidationError]) -> Iterator[str]:
    """Yield sentences that say where and what is wrong."""
    all_errors = list(errors)
    others = [tuple(error.instance_path) for error in all_errors if error.kind.name not in _SUBSEQUENT]
    for error in all_errors:
        where = tuple(error.instance_path)
        if error.kind.name not in _SUBSEQUENT or not any(path[: len(where)] == where for path in others):
            yield from _explain(error, 0)


def _explain(error: ValidationError, depth: int) -> Iterator[str]:
    forms = _list_forms(error) if depth < _MAX_DEPTH else []
    if forms:
        yield from _explain_forms(error, forms, depth)
    elif name := _name_missing_member(error):
        yield _write_sentence(error, f"{name!r} is missing.")
    elif error.kind.name == "additionalProperties" and list(error.instance_path) == ["paths"]:
        yield from (_write_sentence(error, f"{name!r} doesn't begin with a slash.") for name in _list_unexpected(error))
    elif error.kind.name == "type" and "string" in error.message and isinstance(error.instance, bool | int | float):
        yield _write_sentence(error, f"{error.instance} isn't text. Put it in quotes.")
    else:
        yield _write_sentence(error, error.message)


def _explain_forms(error: ValidationError, forms: list[list[ValidationError]], depth: int) -> Iterator[str]:
    """Explain the errors that all forms share or, if there are none, those of the nearest form."""
    missing = [[name for mismatch in form if (name := _name_missing_member(mismatch))] for form in forms]
    common = [name for name in missing[0] if all(name in names for names in missing)]
    kinds = [[mismatch for mismatch in form if mismatch.kind.name in _DISTINGUISHING] for form in forms]
    if common:
        for name in common:
            yield _write_sentence(error, f"{name!r} is missing.")
    elif all(len(form) == 1 and names for form, names in zip(forms, missing, strict=True)):
        *before, last = dict.fromkeys(repr(name) for names in missing for name in names)
        yield _write_sentence(error, f"{', '.join(before)} or {last} is missing.")
    elif all(kinds) and len({tuple(mismatches[0].instance_path) for mismatches in kinds}) == 1:
        first = kinds[0][0]
        allowed_values = dict.fromkeys(str(value) for mismatches in kinds for value in _list_allowed(mismatches[0]))
        yield _write_sentence(first, f"{str(first.instance)[:MAX_MESSAGE]!r} isn't one of {', '.join(allowed_values)}.")
    else:
        yield from (
            explanation
            for mismatch in min(forms, key=_measure_distance)
            for explanation in _explain(mismatch, depth + 1)
        )


def _list_allowed(error: ValidationError) -> list[Any]:
    return list(error.kind.value) if error.kind.name == "enum" else [error.kind.value]


def _list_forms(error: ValidationError) -> list[list[ValidationError]]:
    """Return the errors of each allowed form, leaving out references if the value isn't one."""
    if error.kind.name not in _ALTERNATIVES:
        return []
    forms = [list(form) for form in getattr(error.kind, "context", None) or [] if form]
    forms = [form for form in forms if not any(_name_missing_member(mismatch) == "$ref" for mismatch in form)] or forms
    return [[mismatch for mismatch in form if mismatch.kind.name not in _SUBSEQUENT] or form for form in forms]


def _name_missing_member(error: ValidationError) -> str:
    return str(error.kind.value) if error.kind.name == "required" else ""


def _list_unexpected(error: ValidationError) -> list[str]:
    return list(getattr(error.kind, "unexpected", ()))


def _measure_distance(form: list[ValidationError]) -> tuple[int, int, int]:
    """Return the distance of a form from the value: the nearest has the right kind and the deepest errors."""
    others = sum(error.kind.name in _DISTINGUISHING for error in form)
    return others, -max(len(error.instance_path) for error in form), len(form)


def _write_sentence(error: ValidationError, message: str) -> str:
    where = "/".join(str(part) for part in error.instance_path)
    text = message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}..."
    return f"{where or 'The definition'}: {text}"
