"""Who suffers when a service fails, and through which path; and the longest chain that a single call can set off."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

from mgov.model.record import NamedTuple
from mgov.model.service import ASYNCHRONOUS, SYNCHRONOUS

if TYPE_CHECKING:
    from mgov.model.graph import Graph

BREAKS, LAGS, OPTIONAL = 0, 1, 2                # how strong an edge is: synchronous and required, required, any


class Impact(NamedTuple):
    """`service` needs the failing one along `path`, which begins with it and ends with the failing one.

    It breaks at once when the path is synchronous and not optional; it falls behind when some step of it is
    asynchronous; it can do without when some step is optional.
    """

    service: str
    path: tuple[str, ...]
    type: str
    is_optional: bool


def impacts_of(graph: Graph, name: str) -> list[Impact]:
    """All that depend on `name`, each by the shortest of its strongest paths: who breaks first, then the nearest.

    A synchronous required path is stronger than a required one, and that than any.
    """
    found: dict[str, Impact] = {}
    sources: dict[str, list[tuple[str, int]]] = {node: [] for node in graph.nodes}
    synchronous = set()
    for edge in graph.edges:
        sources[edge.target].append((edge.source, OPTIONAL if edge.is_optional else BREAKS if edge.is_hard else LAGS))
        if edge.type == SYNCHRONOUS:
            synchronous.add((edge.source, edge.target))
    for weakest in (BREAKS, LAGS, OPTIONAL):
        towards = _ways_to(sources, name, weakest)
        for service in towards:
            if service not in found:
                path = _along(towards, service, name)
                kind = SYNCHRONOUS if all(step in synchronous for step in pairwise(path)) else ASYNCHRONOUS
                found[service] = Impact(service, path, kind, is_optional=weakest == OPTIONAL)
    return sorted(found.values(), key=_urgency)


def longest_chain(graph: Graph) -> tuple[str, ...]:
    """A longest chain of calls: each needs the next. It passes each cycle once, by the shortest way through.

    () where there is none, in a graph without edges or of one cycle. Of several of one length it is the first by name.
    """
    components = graph.components()                 # each behind all that it needs
    home = {name: number for number, members in enumerate(components) for name in members}
    length = [0] * len(components)
    onward: list[tuple[str, str] | None] = [None] * len(components)
    for number, members in enumerate(components):
        steps = [
            (-length[home[target]], name, target)
            for name in members
            for target in graph.targets(name)
            if home[target] != number
        ]
        if steps:
            best = min(steps)
            length[number], onward[number] = 1 - best[0], best[1:]
    if not graph.edges:
        return ()
    start = min((-length[home[name]], name) for name in graph.nodes)[1]
    chain = [start]
    while (step := onward[home[chain[-1]]]) is not None:
        if chain[-1] != step[0]:
            chain += graph.path(chain[-1], step[0])[1:]
        chain.append(step[1])
    return tuple(chain) if len(chain) > 1 else ()


def _urgency(impact: Impact) -> tuple[bool, bool, int, str]:
    return impact.is_optional, impact.type == ASYNCHRONOUS, len(impact.path), impact.service


def _ways_to(sources: dict[str, list[tuple[str, int]]], name: str, weakest: int) -> dict[str, str]:
    """For each node that reaches `name` over edges not weaker than that, its next step on a shortest way."""
    towards: dict[str, str] = {}
    waiting = deque((name,))
    while waiting:
        here = waiting.popleft()
        for source, strength in sources[here]:
            if strength <= weakest and source not in towards and source != name:
                towards[source] = here
                waiting.append(source)
    return towards


def _along(towards: dict[str, str], service: str, name: str) -> tuple[str, ...]:
    way = [service]
    while way[-1] != name:
        way.append(towards[way[-1]])
    return tuple(way)
