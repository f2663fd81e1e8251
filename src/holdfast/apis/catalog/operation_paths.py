"""
Which methods an API allows for a path: those of all its operations whose templates match it.

`/pets/mine` allows what `/pets/{id}` allows, and more if it is also a listed operation.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from holdfast.apis.definitions.openapi import Operation

WILDCARD = "/*"
PARAMETER = re.compile(r"\{[^{}/]+\}")
MAX_OVERLAPS = 100
_ANY = "{}"
_NOT_IN_VALUES = re.compile("%(2f|5c|25)", re.IGNORECASE)


class TooManyOverlaps(ValueError):
    """More than MAX_OVERLAPS combinations of templates match paths that none of them covers."""


@dataclass(frozen=True, slots=True)
class PathClass:
    """Paths that match one template of each group in *matching*, and the methods that are allowed for them."""

    matching: tuple[tuple[str, ...], ...]
    methods: tuple[str, ...]


def list_targets_by_method(operations: Iterable[Operation]) -> dict[str, set[str]]:
    """
    Return the templates of each method.

    GET includes HEAD, which is defined as GET without the body of the response (RFC 9110, section 9.3.2).
    """
    targets: dict[str, set[str]] = defaultdict(set)
    for operation in operations:
        targets[operation.verb].add(operation.target)
    if "GET" in targets:
        targets["HEAD"] |= targets["GET"]
    return dict(targets)


@lru_cache(maxsize=256)
def list_path_classes(operations: tuple[Operation, ...]) -> tuple[PathClass, ...]:
    """
    Return classes of all paths that *operations* match; the first class that a path belongs to has its methods.

    Raises:
        TooManyOverlaps: There would be too many classes.
    """
    methods: dict[str, set[str]] = defaultdict(set)
    for method, targets in list_targets_by_method(operations).items():
        for target in targets:
            methods[target].add(method)
    tree = _Node()
    for target in sorted(methods):
        tree.add(*_parse(target), target)
    # A path that matches a template matches all that cover it. The more of them, the more specific is the class.
    covering = {target: frozenset(tree.find(*_parse(target), _covers)) for target in sorted(methods)}
    targets_by_rank: dict[tuple[int, tuple[str, ...]], list[str]] = defaultdict(list)
    for target, wider in covering.items():
        targets_by_rank[len(wider), _join_methods(methods, wider)].append(target)
    classes = [
        (rank, PathClass((tuple(targets),), allowed_methods))
        for (rank, allowed_methods), targets in targets_by_rank.items()
    ]
    for overlap in _list_overlaps(tree, covering):
        wider = frozenset[str]().union(*(covering[target] for target in overlap))
        allowed_methods = _join_methods(methods, wider)
        if any(allowed_methods != _join_methods(methods, covering[target]) for target in overlap):
            classes.append((len(wider), PathClass(tuple((target,) for target in sorted(overlap)), allowed_methods)))
    return tuple(path_class for _, path_class in sorted(classes, key=lambda entry: (-entry[0], entry[1].matching)))


@dataclass(slots=True)
class _Node:
    """Templates by their segments, in which parameters are `{}`."""

    children: dict[str, "_Node"] = field(default_factory=dict)
    patterns: list[str] = field(default_factory=list)  # the children with parameters
    ends: list[str] = field(default_factory=list)  # templates that end here
    wildcards: list[str] = field(default_factory=list)  # templates whose wildcard is here

    def add(self, segments: Sequence[str], has_wildcard: bool, target: str) -> None:
        if not segments:
            (self.wildcards if has_wildcard else self.ends).append(target)
            return
        first, *rest = segments
        if first not in self.children:
            self.children[first] = _Node()
            if _ANY in first:
                self.patterns.append(first)
        self.children[first].add(rest, has_wildcard, target)

    def find(
        self,
        segments: Sequence[str],
        has_wildcard: bool,
        compare: Callable[[str, str], bool],
    ) -> Iterator[str]:
        """Yield the templates whose segments *compare* with these; with `_overlap`, all below a wildcard as well."""
        yield from self.wildcards
        if not segments:
            if not has_wildcard:
                yield from self.ends
            elif compare is _overlap:
                yield from self.walk()
            return
        first, *rest = segments
        names = self.children if _ANY in first else [*self.patterns, first]
        for name in dict.fromkeys(names):
            if name in self.children and compare(name, first):
                yield from self.children[name].find(rest, has_wildcard, compare)

    def walk(self) -> Iterator[str]:
        """Yield the templates that end here or below."""
        yield from self.ends
        for child in self.children.values():
            yield from child.wildcards
            yield from child.walk()


def _parse(target: str) -> tuple[list[str], bool]:
    path = PARAMETER.sub(_ANY, target)
    return path.removesuffix(WILDCARD).split("/")[1:], path.endswith(WILDCARD)


def _covers(wider: str, segment: str) -> bool:
    if wider == segment:
        return True
    if _ANY not in wider or not segment or _NOT_IN_VALUES.search(segment):
        return False
    pattern = ".+".join(map(re.escape, wider.split(_ANY)))
    return wider == _ANY or (_ANY not in segment and re.fullmatch(pattern, segment) is not None)


def _overlap(segment: str, other_segment: str) -> bool:
    return (
        _covers(segment, other_segment)
        or _covers(other_segment, segment)
        or (_ANY in segment and _ANY in other_segment)
    )


def _list_overlaps(tree: _Node, covering: Mapping[str, frozenset[str]]) -> list[frozenset[str]]:
    """Return the sets of templates that a path could match although none of them covers another one."""
    beside: dict[str, set[str]] = defaultdict(set)
    for target, wider in covering.items():
        for other_target in tree.find(*_parse(target), _overlap):
            if other_target not in wider and target not in covering[other_target]:
                beside[target].add(other_target)
    groups: list[frozenset[str]] = []
    last = {frozenset((target,)) for target in beside}
    while last:
        last = {group | {path} for group in last for path in set.intersection(*(beside[target] for target in group))}
        groups += last
        if len(groups) > MAX_OVERLAPS:
            raise TooManyOverlaps
    return groups


def _join_methods(methods: Mapping[str, set[str]], targets: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set().union(*(methods[target] for target in targets))))
