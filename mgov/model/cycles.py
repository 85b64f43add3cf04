"""Cycles of a dependency graph: who is knotted together, and the shortest way round in each knot."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from mgov.model.graph import Graph

MAX_STEPS = 1_000_000                           # of a search for a shortest cycle: about a second


class Cycle(NamedTuple):
    """A strongly connected component: its `members` by name, and a shortest cycle in it, each name once, the smallest
    first; behind the last comes the first again."""

    members: tuple[str, ...]
    shortest: tuple[str, ...]

    def __str__(self) -> str:
        return " -> ".join((*self.shortest, self.shortest[0]))


def find_cycles(graph: Graph) -> list[Cycle]:
    """Every component in which everybody depends on everybody, by its first name, with a shortest cycle of it."""
    return [Cycle(members, shortest_cycle(graph, members)) for members in graph.cycles()]


def shortest_cycle(graph: Graph, members: tuple[str, ...], max_steps: int = MAX_STEPS) -> tuple[str, ...]:
    """A shortest cycle among the members of one component, its smallest name first.

    A search from each member in turn, never further than a cycle shorter than the best may reach; a member that was
    searched from is taken away, and with it whatever then stands on no cycle any more. In a knot so large that
    `max_steps` edges do not suffice, it is the shortest that was found in them.
    """
    search = _Search(graph, members)
    best = search.shortest_of_two()
    if best:
        return best
    for start in members:
        if search.steps > max_steps and best:
            break
        if start in search.targets:
            best = search.cycle_through(start, len(best) - 1 if best else len(members)) or best
            search.remove(start)
    smallest = best.index(min(best))
    return best[smallest:] + best[:smallest]


class _Search:
    """What is left of a component: `targets` has no key for a member that was taken away. `steps` counts the edges that
    were looked at."""

    def __init__(self, graph: Graph, members: tuple[str, ...]) -> None:
        inside = set(members)
        self.targets = {name: [t for t in graph.targets(name) if t in inside] for name in members}
        self.steps = 0
        self._sources: dict[str, list[str]] = {}        # these three are made when the first member is taken away
        self._into: dict[str, int] = {}
        self._out: dict[str, int] = {}

    def shortest_of_two(self) -> tuple[str, ...]:
        """A cycle of one or two members; () where there is none."""
        for name, targets in self.targets.items():
            if name in targets:
                return (name,)
        for name, targets in self.targets.items():
            for target in targets:
                if name in self.targets[target]:
                    return (name, target)
        return ()

    def cycle_through(self, start: str, most: int) -> tuple[str, ...]:
        """A shortest cycle through `start` of at most `most` members; () where there is none."""
        came_from = {start: ""}
        waiting = deque(((start, 1),))
        while waiting:
            name, length = waiting.popleft()
            for target in self.targets.get(name, ()):
                self.steps += 1
                if target == start:
                    return _traced(came_from, name)
                if target not in came_from and length < most:
                    came_from[target] = name
                    waiting.append((target, length + 1))
        return ()

    def remove(self, name: str) -> None:
        """Take a member away, and each that then has nobody left before or behind it."""
        if not self._sources:
            self._count_ends()
        doomed = [name]
        while doomed:
            gone = doomed.pop()
            targets = self.targets.pop(gone, None)
            if targets is None:
                continue
            for others, count in ((targets, self._into), (self._sources[gone], self._out)):
                for other in others:
                    count[other] -= 1
                    if not count[other]:
                        doomed.append(other)

    def _count_ends(self) -> None:
        self._sources = {name: [] for name in self.targets}
        for name, targets in self.targets.items():
            self._out[name] = len(targets)
            for target in targets:
                self._sources[target].append(name)
        self._into = {name: len(sources) for name, sources in self._sources.items()}


def _traced(came_from: dict[str, str], name: str) -> tuple[str, ...]:
    way = []
    while name:
        way.append(name)
        name = came_from[name]
    return tuple(reversed(way))
