"""Who needs whom: services as nodes, declared dependencies as edges. Nothing here recurses: a chain may be long.

An edge runs from the service that calls to the one that is called. It is hard when the caller cannot do without:
synchronous and required. A service that is only depended on, and that nobody registered, is a node all the same.
Answers are sorted by name, so that the same graph gives the same answer.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from mgov.model.record import NamedTuple
from mgov.model.service import SYNCHRONOUS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mgov.model.service import Service


class Edge(NamedTuple):
    """`source` depends on `target`; `type` is synchronous or asynchronous."""

    source: str
    target: str
    type: str = SYNCHRONOUS
    is_optional: bool = False

    @property
    def is_hard(self) -> bool:
        """Whether the source fails when the target does."""
        return self.type == SYNCHRONOUS and not self.is_optional


class Graph:
    """Nodes and edges, as given: it is not changed any more."""

    def __init__(self, edges: Iterable[Edge], nodes: Iterable[str] = ()) -> None:
        self.edges = tuple(sorted(set(edges)))
        ends = {end for edge in self.edges for end in (edge.source, edge.target)}
        self.nodes = tuple(sorted({*nodes, *ends}))
        self._targets = _adjacent(self.nodes, ((edge.source, edge.target) for edge in self.edges))
        self._sources = _adjacent(self.nodes, ((edge.target, edge.source) for edge in self.edges))

    @classmethod
    def of_services(cls, services: Iterable[Service]) -> Graph:
        """The graph of what `services` declare."""
        known = list(services)
        return cls(
            (Edge(service.name, d.name, d.type, d.is_optional) for service in known for d in service.dependencies),
            (service.name for service in known),
        )

    def hard(self) -> Graph:
        """The same nodes with the hard edges only."""
        return Graph((edge for edge in self.edges if edge.is_hard), self.nodes)

    def targets(self, name: str) -> tuple[str, ...]:
        """What `name` depends on directly; () for a node that is not there."""
        return self._targets.get(name, ())

    def sources(self, name: str) -> tuple[str, ...]:
        """What depends on `name` directly; () for a node that is not there."""
        return self._sources.get(name, ())

    def needs(self, name: str) -> tuple[str, ...]:
        """All that `name` depends on, directly or not, without itself."""
        return _reached(self._targets, (name,))

    def dependents(self, *names: str) -> tuple[str, ...]:
        """All that depend on any of `names`, directly or not, without these."""
        return _reached(self._sources, names)

    def components(self) -> list[tuple[str, ...]]:
        """The strongly connected components, each after all that it depends on (Tarjan 1972, with its own stack).

        One of several nodes is a knot of cycles; one of a single node is a cycle only if it depends on itself.
        """
        return _components(self.nodes, self._targets)

    def cycles(self) -> list[tuple[str, ...]]:
        """The components in which everybody depends on everybody, by their first name."""
        return sorted(c for c in self.components() if len(c) > 1 or c[0] in self.targets(c[0]))

    def ranks(self) -> dict[str, int]:
        """For each node the longest way down: 0 depends on nobody, n on somebody of rank n - 1. A cycle shares one."""
        ranks: dict[str, int] = {}
        for component in self.components():
            inside = set(component)
            below = [ranks[t] for name in component for t in self.targets(name) if t not in inside]
            rank = max(below, default=-1) + 1
            for name in component:
                ranks[name] = rank
        return ranks

    def waves(self) -> list[tuple[str, ...]]:
        """The nodes by rank: each wave depends on earlier ones, and on itself only in cycles."""
        waves: list[list[str]] = []
        for name, rank in sorted(self.ranks().items(), key=lambda item: (item[1], item[0])):
            if rank == len(waves):
                waves.append([])
            waves[rank].append(name)
        return [tuple(wave) for wave in waves]


def _adjacent(nodes: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {name: set() for name in nodes}
    for here, there in pairs:
        found[here].add(there)
    return {name: tuple(sorted(others)) for name, others in found.items()}


def _reached(adjacent: Mapping[str, tuple[str, ...]], names: Iterable[str]) -> tuple[str, ...]:
    start = set(names)
    seen = set(start)
    waiting = deque(start)
    while waiting:
        for other in adjacent.get(waiting.popleft(), ()):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return tuple(sorted(seen - start))


def _components(nodes: Iterable[str], targets: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[tuple[str, ...]] = []
    for root in nodes:
        if root in index:
            continue
        path = [(root, iter(targets[root]))]
        index[root] = lowest[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while path:
            name, others = path[-1]
            for other in others:
                if other not in index:
                    index[other] = lowest[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    path.append((other, iter(targets[other])))
                    break
                if other in on_stack:
                    lowest[name] = min(lowest[name], index[other])
            else:
                path.pop()
                if path:
                    above = path[-1][0]
                    lowest[above] = min(lowest[above], lowest[name])
                if lowest[name] == index[name]:
                    found.append(_popped(stack, on_stack, name))
    return found


def _popped(stack: list[str], on_stack: set[str], name: str) -> tuple[str, ...]:
    members: list[str] = []
    while not members or members[-1] != name:
        members.append(stack.pop())
    on_stack.difference_update(members)
    return tuple(sorted(members))
