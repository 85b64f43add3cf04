"""What is wrong with a dependency graph: each thing a finding of its own, so that a missing name is never taken for a
cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.cycles import find_cycles
from mgov.model.finding import Finding
from mgov.model.graph import Graph
from mgov.model.layers import violations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgov.model.layers import Forbidden
    from mgov.model.service import Service

CYCLE, SELF, DANGLING, FORBIDDEN = RULES = ("cycle", "self", "dangling", "forbidden")


def check_graph(
    graph: Graph, services: Mapping[str, Service], rules: Sequence[Forbidden] = (), *, is_synchronous: bool = False
) -> list[Finding]:
    """Cycles of several services (over synchronous edges alone if told), services that need themselves, names that
    nobody registered, and edges that a rule forbids; in this order, each by name."""
    return [
        *_cycles(graph.synchronous() if is_synchronous else graph),
        *_selves(graph),
        *_dangling(graph, services),
        *_forbidden(graph, services, rules),
    ]


def _cycles(graph: Graph) -> Iterator[Finding]:
    for cycle in find_cycles(Graph((edge for edge in graph.edges if edge.source != edge.target), graph.nodes)):
        rest = len(cycle.members) - len(cycle.shortest)
        more = f", and {rest} more {'is' if rest == 1 else 'are'} knotted with them" if rest else ""
        yield Finding(CYCLE, str(cycle), f"they need each other{more}", cycle.members)


def _selves(graph: Graph) -> Iterator[Finding]:
    for name in graph.nodes:
        if name in graph.targets(name):
            yield Finding(SELF, name, "it depends on itself", (name,))


def _dangling(graph: Graph, services: Mapping[str, Service]) -> Iterator[Finding]:
    for name in graph.nodes:
        if name not in services:
            yield Finding(DANGLING, name, f"nobody registered it; needed by {', '.join(graph.sources(name))}", (name,))


def _forbidden(graph: Graph, services: Mapping[str, Service], rules: Sequence[Forbidden]) -> Iterator[Finding]:
    for edge, rule in violations(graph, rules, services):
        why = f": {rule.reason}" if rule.reason else ""
        message = f"{rule.source} -> {rule.target} is forbidden{why}"
        yield Finding(FORBIDDEN, f"{edge.source} -> {edge.target}", message, (edge.source, edge.target))
