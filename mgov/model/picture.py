"""A dependency graph as it is shown: each service with what is known of it now, each edge with its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.health import DECLARED, DEGRADED, HEALTHY, MAINTENANCE, STARTING, UNHEALTHY
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mgov.model.graph import Edge, Graph
    from mgov.model.service import Service

EMPTY, MISSING = "empty", "missing"
STATUSES = (HEALTHY, DEGRADED, UNHEALTHY, STARTING, MAINTENANCE, DECLARED, EMPTY, MISSING)
GROUPS = ("owner", "domain", "tier")
DOWN, UP, RIGHT, LEFT = DIRECTIONS = ("down", "up", "right", "left")


class Node(NamedTuple):
    """A service in a picture. `status` is what its instances are together: one of their own statuses, `empty` where
    there are none, `missing` for a name that nobody registered. `is_stale` says that one was seen, but not lately."""

    service: Service
    status: str
    instance_count: int = 0
    healthy_count: int = 0
    is_stale: bool = False

    @property
    def name(self) -> str:
        """The service's name."""
        return self.service.name

    @property
    def counted(self) -> str:
        """`2/3 healthy`, or in words why there is nothing to count."""
        if self.instance_count:
            return f"{self.healthy_count}/{self.instance_count} healthy"
        return "not registered" if self.status == MISSING else "no instances"

    @property
    def told(self) -> str:
        """`counted`, and the status where the count alone does not tell it: for what has no sign of its own for it."""
        if self.status in (DEGRADED, STARTING, MAINTENANCE, DECLARED):
            return f"{self.counted}, {self.status}"
        return self.counted


class Picture(NamedTuple):
    """What is drawn: nodes by name, edges between them, the ends of those edges that lie on a cycle, and the field of
    a service that nodes are grouped by ('' for none)."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    on_cycles: frozenset[tuple[str, str]] = frozenset()
    by: str = ""

    def group_of(self, node: Node) -> str:
        """The group of a node, '' for none."""
        return str(getattr(node.service, self.by)) if self.by else ""

    def groups(self) -> dict[str, list[Node]]:
        """The nodes by group, the nameless group last."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(self.group_of(node), []).append(node)
        return dict(sorted(found.items(), key=lambda item: (item[0] == "", item[0])))


def picture_of(graph: Graph, nodes: Mapping[str, Node], by: str = "") -> Picture:
    """The picture of all nodes and edges of `graph`."""
    home = {name: number for number, members in enumerate(graph.components()) for name in members}
    on_cycles = frozenset((edge.source, edge.target) for edge in graph.edges if home[edge.source] == home[edge.target])
    return Picture(tuple(nodes[name] for name in graph.nodes), graph.edges, on_cycles, by)


def edge_words(edge: Edge) -> str:
    """What is special about an edge: `asynchronous, optional`, or ''."""
    from mgov.model.service import ASYNCHRONOUS

    words = [ASYNCHRONOUS] if edge.type == ASYNCHRONOUS else []
    return ", ".join([*words, "optional"] if edge.is_optional else words)


def status_together(statuses: Iterable[str]) -> str:
    """What instances are together: one that fails beside one that serves makes the service degraded; what starts, is
    out of service on purpose, or is never looked at counts only where nothing else is there."""
    found = set(statuses)
    if not found:
        return EMPTY
    if found & {UNHEALTHY, DEGRADED}:
        return DEGRADED if found & {HEALTHY, DEGRADED, DECLARED} else UNHEALTHY
    return next(status for status in (HEALTHY, STARTING, DECLARED, MAINTENANCE) if status in found)
