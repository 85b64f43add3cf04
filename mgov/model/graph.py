"""Who needs whom: services as nodes, declared dependencies as edges. Nothing here recurses: a chain may be long.

An edge runs from the service that calls to the one that is called. It is hard when the caller cannot do without:
synchronous and required. A service that is only depended on, and that nobody registered, is a node all the same.
Answers are sorted by name, so that the same graph gives the same answer.
"""

from __future__ import annotations

from collections import deque
from itertools import groupby
from operator import itemgetter, lt
from typing import TYPE_CHECKING, Any

from mgov.model.record import NamedTuple
from mgov.model.service import SYNCHRONOUS, parse_dependencies

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

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
        given = tuple(edges)
        self.edges = given if all(map(lt, given, given[1:])) else tuple(sorted(set(given)))
        known = set(nodes)
        known.update(map(itemgetter(0), self.edges), map(itemgetter(1), self.edges))
        self.nodes = tuple(sorted(known))
        self._targets: dict[str, tuple[str, ...]] = dict.fromkeys(self.nodes, ())
        for source, own in groupby(self.edges, key=itemgetter(0)):
            self._targets[source] = tuple(dict.fromkeys(map(itemgetter(1), own)))
        self._upwards: dict[str, tuple[str, ...]] | None = None

    @property
    def _sources(self) -> dict[str, tuple[str, ...]]:
        if self._upwards is None:                   # cycles and order never look up
            found: dict[str, list[str]] = {name: [] for name in self.nodes}
            for source, targets in self._targets.items():
                for target in targets:
                    found[target].append(source)
            self._upwards = {name: tuple(sources) for name, sources in found.items()}
        return self._upwards

    @classmethod
    def of_services(cls, services: Iterable[Service]) -> Graph:
        """The graph of what `services` declare."""
        known = list(services)
        return cls(
            (Edge(service.name, d.name, d.type, d.is_optional) for service in known for d in service.dependencies),
            (service.name for service in known),
        )

    @classmethod
    def of_definitions(cls, tables: Mapping[str, Mapping[str, Any]]) -> Graph:
        """The graph of definitions as a store holds them, by name.

        The store has checked them: of ten thousand, only the dependencies are looked at again.
        """
        edges = []
        for name, table in tables.items():
            for entry in table.get("dependencies", ()):
                if isinstance(entry, str) and ":" not in entry:
                    edges.append(Edge(name, entry))
                else:
                    edges += [Edge(name, *dependency) for dependency in parse_dependencies([entry], of=name)]
        return cls(edges, tables)

    def hard(self) -> Graph:
        """The same nodes with the hard edges only."""
        return Graph((edge for edge in self.edges if edge.is_hard), self.nodes)

    def synchronous(self) -> Graph:
        """The same nodes with the synchronous edges only."""
        return Graph((edge for edge in self.edges if edge.type == SYNCHRONOUS), self.nodes)

    def reversed(self) -> Graph:
        """Every edge turned round: from the needed to those that need it."""
        return Graph((edge._replace(source=edge.target, target=edge.source) for edge in self.edges), self.nodes)

    def within(self, names: Collection[str]) -> Graph:
        """Those of its nodes that are among `names`, and the edges between them."""
        kept = set(names)
        edges = (edge for edge in self.edges if edge.source in kept and edge.target in kept)
        return Graph(edges, kept.intersection(self.nodes))

    def roots(self) -> tuple[str, ...]:
        """Where to start to reach every node: the first name of each component that no other one depends on."""
        home = {name: number for number, members in enumerate(self.components()) for name in members}
        needed = {home[edge.target] for edge in self.edges if home[edge.source] != home[edge.target]}
        first: dict[int, str] = {}
        for name in self.nodes:
            first.setdefault(home[name], name)
        return tuple(name for number, name in first.items() if number not in needed)

    def below(self, names: Collection[str], depth: int | None = None) -> Graph:
        """`names` and what they need, at most `depth` edges away (None: however far)."""
        return self.within({*names, *_reached(self._targets, names, depth)})

    def around(self, name: str, depth: int | None = None) -> Graph:
        """`name` with what it needs and who needs it, at most `depth` edges away (None: however far)."""
        down = _reached(self._targets, (name,), depth)
        up = _reached(self._sources, (name,), depth)
        return self.within({name, *down, *up})

    def __contains__(self, name: str) -> bool:
        return name in self._targets

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

    def path(self, start: str, end: str) -> tuple[str, ...]:
        """A shortest way from `start` along the edges to `end`, both named; () where there is none.

        From a node to itself it is a cycle through it.
        """
        came_from: dict[str, str] = {}
        waiting = deque((start,))
        while waiting:
            name = waiting.popleft()
            for target in self.targets(name):
                if target == end:
                    return (*_traced(came_from, name, start), end)
                if target not in came_from and target != start:
                    came_from[target] = name
                    waiting.append(target)
        return ()


def _traced(came_from: Mapping[str, str], name: str, start: str) -> tuple[str, ...]:
    way = [name]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return tuple(reversed(way))


def _reached(
    adjacent: Mapping[str, tuple[str, ...]], names: Iterable[str], depth: int | None = None
) -> tuple[str, ...]:
    start = set(names)
    seen = set(start)
    here = start
    while here and (depth is None or depth > 0):
        here = {other for name in here for other in adjacent.get(name, ())} - seen
        seen |= here
        depth = None if depth is None else depth - 1
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
                if other in on_stack and index[other] < lowest[name]:
                    lowest[name] = index[other]
            else:
                path.pop()
                if path:
                    above = path[-1][0]
                    if lowest[name] < lowest[above]:
                        lowest[above] = lowest[name]
                if lowest[name] == index[name]:
                    found.append(_popped(stack, on_stack, name))
    return found


def _popped(stack: list[str], on_stack: set[str], name: str) -> tuple[str, ...]:
    members: list[str] = []
    while not members or members[-1] != name:
        members.append(stack.pop())
    on_stack.difference_update(members)
    return tuple(sorted(members))
