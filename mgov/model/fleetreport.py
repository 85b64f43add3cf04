"""A report on the whole fleet at one moment: what a page shows of it, and what it puts first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.breaker import CLOSED
from mgov.model.graph import Edge, Graph
from mgov.model.health import DEGRADED, HEALTHY, STARTING, STATUSES, UNHEALTHY
from mgov.model.picture import MISSING, Node, Picture, picture_of, status_together
from mgov.model.record import NamedTuple
from mgov.model.rootcause import Cause, diagnose
from mgov.model.service import ASYNCHRONOUS, SYNCHRONOUS, Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mgov.model.breaker import Breaker
    from mgov.model.health import Health
    from mgov.model.instance import Instance
    from mgov.model.limit import LimitPolicy
    from mgov.model.scorecard import Scorecard

_URGENCY = {UNHEALTHY: 0, MISSING: 1, DEGRADED: 2, STARTING: 3}
_LEAST = len(_URGENCY)
EDGES_EACH = 3                                  # edges for each group of services, at most: the rest would hide them


class Running(NamedTuple):
    """An instance and its health."""

    instance: Instance
    health: Health


class BreakerLine(NamedTuple):
    """A breaker, settled; `instance` is '' for the service's own."""

    service: str
    instance: str
    breaker: Breaker

    @property
    def is_notable(self) -> bool:
        """Whether it is worth a line: it is not simply closed and unused."""
        return self.breaker.total > 0 or self.breaker.state != CLOSED or bool(self.breaker.forced)


class LimitLine(NamedTuple):
    """A rate limit, how many could be taken at once, and in how many seconds it is back at full burst."""

    name: str
    policy: LimitPolicy
    remaining: int
    full_after_s: float


class Report(NamedTuple):
    """The fleet at `at` (seconds since the epoch): `picture` has every service and edge, `card` is None where there is
    nothing to audit, `looked_at` is when the last sweep ended, `damaged` are files that had to be left out."""

    at: float
    store: str
    picture: Picture
    running: tuple[Running, ...] = ()
    card: Scorecard | None = None
    breakers: tuple[BreakerLine, ...] = ()
    limits: tuple[LimitLine, ...] = ()
    looked_at: float | None = None
    damaged: tuple[str, ...] = ()
    title: str = ""


def status_counts(running: Iterable[Running]) -> dict[str, int]:
    """How many instances have each status, those that none has left out."""
    counts = dict.fromkeys(STATUSES, 0)
    for one in running:
        counts[one.health.status] += 1
    return {status: count for status, count in counts.items() if count}


def by_urgency(running: Iterable[Running]) -> list[Running]:
    """The worst first, then by service and id."""
    return sorted(running, key=lambda r: (_URGENCY.get(r.health.status, _LEAST), r.instance.service, r.instance.id))


def worst_first(picture: Picture) -> list[Node]:
    """The nodes, what fails first, then by name."""
    return sorted(picture.nodes, key=lambda node: (_URGENCY.get(node.status, _LEAST), node.name))


def causes_of(picture: Picture) -> tuple[Cause, ...]:
    """The roots of what fails, the one with the most failing dependents first."""
    failing = [node.name for node in picture.nodes if node.status == UNHEALTHY]
    return diagnose(Graph(picture.edges, (node.name for node in picture.nodes)), failing).causes


def is_all_failing(picture: Picture) -> bool:
    """Whether of three services with instances or more not one is any good: then who looked may be at fault."""
    judged = [node for node in picture.nodes if node.instance_count]
    return len(judged) > 2 and all(node.status == UNHEALTHY for node in judged)


def drawable(picture: Picture, most: int) -> tuple[Picture, str]:
    """A picture of at most `most` nodes, and in a word what its nodes are: service, domain or owner.

    A larger fleet is drawn by domain, or by owner where that tells more; one without either by the services that most
    others touch.
    """
    if len(picture.nodes) <= most:
        return picture, "service"
    for field in ("domain", "owner"):
        if 1 < len({getattr(node.service, field) for node in picture.nodes if node.status != MISSING}) <= most:
            return grouped(picture, field), field
    touched: dict[str, int] = {node.name: 0 for node in picture.nodes}
    for edge in picture.edges:
        touched[edge.source] += 1
        touched[edge.target] += 1
    kept = sorted(touched, key=lambda name: (-touched[name], name))[:most]
    graph = Graph(picture.edges, touched).within(kept)
    return picture_of(graph, {node.name: node for node in picture.nodes}), "service"


def grouped(picture: Picture, field: str) -> Picture:
    """One node for each `field`; an edge where services of one need services of another, synchronous and required
    where one such is. Of many edges only those that stand for most are kept, three for each node."""
    group = {node.name: str(getattr(node.service, field)) or f"no {field}" for node in picture.nodes}
    members: dict[str, list[Node]] = {}
    for node in picture.nodes:
        members.setdefault(group[node.name], []).append(node)
    kinds: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for edge in picture.edges:
        if group[edge.source] != group[edge.target]:
            ends = group[edge.source], group[edge.target]
            kinds.setdefault(ends, []).append((edge.type, edge.is_optional))
    kept = sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0]))[: EDGES_EACH * len(members)]
    edges = [
        Edge(*ends, SYNCHRONOUS if any(kind == SYNCHRONOUS for kind, _ in found) else ASYNCHRONOUS,
             all(is_optional for _, is_optional in found))
        for ends, found in kept
    ]  # fmt: skip
    graph = Graph(edges, members)
    # Two groups that need each other make no cycle of calls: none is marked.
    return Picture(tuple(_group_node(name, members[name]) for name in graph.nodes), graph.edges)


def _group_node(name: str, nodes: list[Node]) -> Node:
    count = f"{len(nodes)} services" if len(nodes) != 1 else "1 service"
    return Node(
        Service(name, version=count),
        status_together(_as_instance(node.status) for node in nodes if node.instance_count),
        sum(node.instance_count for node in nodes),
        sum(node.healthy_count for node in nodes),
        any(node.is_stale for node in nodes),
    )


def _as_instance(status: str) -> str:
    return status if status in STATUSES else HEALTHY


def touching(picture: Picture) -> Mapping[str, tuple[int, int]]:
    """For each service how many it needs and how many need it."""
    counts = {node.name: [0, 0] for node in picture.nodes}
    for edge in picture.edges:
        counts[edge.source][0] += 1
        counts[edge.target][1] += 1
    return {name: (needs, needed) for name, (needs, needed) in counts.items()}
