"""The dependency graph of the fleet: what is declared, with the health that is known, and what follows from it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from mgov.errors import NotFound
from mgov.governance.definition import definition_tables
from mgov.governance.fleet import all_members, suggest_service
from mgov.model.graph import Edge, Graph
from mgov.model.health import HEALTHY, STARTING
from mgov.model.names import check_name
from mgov.model.record import NamedTuple
from mgov.model.service import Service, parse_service
from mgov.store.base import value_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mgov.clock import Clock
    from mgov.governance.fleet import Member
    from mgov.model.cycles import Cycle
    from mgov.model.finding import Finding
    from mgov.model.graphdiff import GraphDiff
    from mgov.model.impact import Impact
    from mgov.model.picture import Node, Picture
    from mgov.store.base import Store


class Order(NamedTuple):
    """`waves` of services, each after all that it needs; `cycles` among those named, which stand in one wave each;
    `missing` are names that somebody needs and nobody registered: they stand in no wave."""

    waves: tuple[tuple[str, ...], ...]
    cycles: tuple[Cycle, ...]
    missing: tuple[str, ...]


class Affected(NamedTuple):
    """One service that a failure reaches, and who owns it."""

    impact: Impact
    owner: str


class Graphs:
    """Questions to the graph over a store. NotFound for a name that neither anybody registered nor anybody needs."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def graph(
        self, *, around: str | None = None, depth: int | None = None, is_reversed: bool = False
    ) -> Graph:
        """The declared graph; of it, what is at most `depth` edges away from `around`, to either side, or from those
        that nobody needs. `is_reversed` turns every edge round."""
        return self._part(self._services(), around, depth, is_reversed=is_reversed)

    def picture(
        self, *, around: str | None = None, depth: int | None = None, is_reversed: bool = False, by: str = ""
    ) -> Picture:
        """What `graph` answers, with each service's definition, instances and health; `by` is owner, domain or tier."""
        from mgov.model.picture import picture_of

        services = self._services()
        graph = self._part(services, around, depth, is_reversed=is_reversed)
        return picture_of(graph, self._nodes(services, graph.nodes), by)

    def cycles(self, *, is_synchronous: bool = False) -> list[Cycle]:
        """Every knot of services that need each other, with a shortest cycle of it; over synchronous edges alone if
        told."""
        from mgov.model.cycles import find_cycles

        return find_cycles(self._graph(is_synchronous))

    def order(
        self, names: Collection[str] = (), *, is_reversed: bool = False, is_synchronous: bool = False
    ) -> Order:
        """The registered services, or those of `names`, in waves; the last first if `is_reversed`.

        What a service needs through others that are not named still comes before it.
        """
        from mgov.model.cycles import Cycle, shortest_cycle
        from mgov.model.waves import waves

        services = definition_tables(self._store)
        graph = Graph.of_definitions(services)
        for name in names:
            if check_name(name) not in services:
                raise NotFound(f"no service {name}", hint=suggest_service(self._store, name))
        if is_synchronous:
            graph = graph.synchronous()
        wanted = set(names) or set(services)
        found = waves(graph, wanted)
        cycles = [
            Cycle(members, shortest_cycle(graph, members))
            for members in graph.cycles()
            if len(wanted.intersection(members)) > 1
        ]
        missing = [name for name in graph.nodes if name not in services] if not names else []
        return Order(tuple(reversed(found) if is_reversed else found), tuple(cycles), tuple(missing))

    def impact(self, name: str) -> list[Affected]:
        """All that suffer when `name` fails, who breaks first, each with the path and the owner."""
        from mgov.model.impact import impacts_of

        services = definition_tables(self._store)
        graph = Graph.of_definitions(services)
        self._check_known(graph, name)
        return [Affected(impact, services[impact.service].get("owner", "")) for impact in impacts_of(graph, name)]

    def path(self, start: str, end: str) -> list[Edge]:
        """The edges of a shortest way from `start` to `end`; [] where `start` does not need `end`."""
        graph = Graph.of_definitions(definition_tables(self._store))
        self._check_known(graph, start)
        self._check_known(graph, end)
        way = graph.path(start, end)
        by_ends = {(edge.source, edge.target): edge for edge in graph.edges}
        return [by_ends[ends] for ends in pairwise(way)]

    def longest_chain(self) -> tuple[str, ...]:
        """A longest chain of synchronous calls that one request can set off."""
        from mgov.model.impact import longest_chain

        return longest_chain(self._graph(is_synchronous=True))

    def check(self, *, is_synchronous: bool = False) -> list[Finding]:
        """What is wrong with the graph: cycles, self-dependencies, missing names, and what `policy.toml` forbids."""
        from mgov.model.graphcheck import check_graph
        from mgov.model.policy import parse_policy

        policy = parse_policy(value_of(self._store.read("policy")))
        services = self._services()
        graph = Graph.of_services(services.values())
        return check_graph(graph, services, policy.forbidden, is_synchronous=is_synchronous)

    def diff(self, wanted: Sequence[Service]) -> GraphDiff:
        """What the graph becomes when the definitions of `wanted` are applied; services they do not name stay."""
        from mgov.model.graphdiff import diff_graph

        return diff_graph(self._services(), wanted)

    # -- inside

    def _services(self) -> dict[str, Service]:
        return {name: parse_service(name, value) for name, value in definition_tables(self._store).items()}

    def _graph(self, is_synchronous: bool) -> Graph:
        graph = Graph.of_definitions(definition_tables(self._store))
        return graph.synchronous() if is_synchronous else graph

    def _part(
        self, services: Mapping[str, Service], around: str | None, depth: int | None, *, is_reversed: bool
    ) -> Graph:
        graph = Graph.of_services(services.values())
        if is_reversed:
            graph = graph.reversed()
        if around is not None:
            self._check_known(graph, around)
            return graph.around(around, depth)
        return graph.below(graph.roots(), depth) if depth is not None else graph

    def _check_known(self, graph: Graph, name: str) -> None:
        if check_name(name) not in graph:
            raise NotFound(f"no service {name}", hint=suggest_service(self._store, name))

    def _nodes(self, services: Mapping[str, Service], names: Sequence[str]) -> dict[str, Node]:
        from mgov.model.picture import MISSING, Node, status_together

        members: dict[str, list[Member]] = {}
        for member in all_members(self._store, now=self._clock.now()):
            members.setdefault(member.instance.service, []).append(member)
        nodes = {}
        for name in names:
            own = [member.health for member in members.get(name, ())]
            is_missing = name not in services and not own
            nodes[name] = Node(
                services.get(name, Service(name)),
                MISSING if is_missing else status_together(health.status for health in own),
                len(own),
                sum(health.status == HEALTHY for health in own),
                any(health.stale for health in own if health.status != STARTING),
            )
        return nodes
