"""What a manifest would change in the dependency graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.cycles import Cycle, find_cycles
from mgov.model.graph import Edge, Graph
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgov.model.service import Service

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


class EdgeStep(NamedTuple):
    """One edge that comes, goes or changes its type or need; `edge` is as it will be, or was."""

    action: str
    edge: Edge


class GraphDiff(NamedTuple):
    """`services` are new names; `steps` the edges that differ, by name; `cycles` those of which no member was in one
    with all the others before."""

    services: tuple[str, ...]
    steps: tuple[EdgeStep, ...]
    cycles: tuple[Cycle, ...]

    @property
    def is_same(self) -> bool:
        """Whether nothing would change."""
        return not self.services and not self.steps


def diff_graph(before: Mapping[str, Service], wanted: Sequence[Service]) -> GraphDiff:
    """What the graph of `before` becomes when the services of `wanted` are applied; what they do not name stays."""
    after = {**before, **{service.name: service for service in wanted}}
    old, new = Graph.of_services(before.values()), Graph.of_services(after.values())
    was = {(edge.source, edge.target): edge for edge in old.edges}
    will_be = {(edge.source, edge.target): edge for edge in new.edges}
    steps = [EdgeStep(REMOVED, edge) for ends, edge in was.items() if ends not in will_be]
    steps += [EdgeStep(ADDED, edge) for ends, edge in will_be.items() if ends not in was]
    steps += [EdgeStep(CHANGED, edge) for ends, edge in will_be.items() if was.get(ends, edge) != edge]
    known = [set(members) for members in old.cycles()]
    cycles = [cycle for cycle in find_cycles(new) if not any(knot.issuperset(cycle.members) for knot in known)]
    return GraphDiff(
        tuple(sorted(set(after) - set(before))), tuple(sorted(steps, key=lambda step: step.edge)), tuple(cycles)
    )
