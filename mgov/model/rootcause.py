"""Why services fail together: which failure comes first, which follow from it, and when the looker is at fault.

- A service fails because of another when it needs it over hard edges (synchronous and required), however far away.
- A failing service that needs no failing one is a root. Failing services of one cycle are one root together.
- What depends on a root over hard edges is its consequence: it fails already, or it would suffer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.health import COMMAND, DECLARED, DEGRADED, HEALTHY, MISSING, UNHEALTHY
from mgov.model.measurement import DNS, REFUSED, RESET, TIMEOUT, UNREACHABLE, UNTRUSTED
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mgov.model.graph import Graph
    from mgov.model.result import Result

MIN_SUSPECT_TARGETS = 3
MIN_SUSPECT_HOSTS = 2
_CONNECTION_ERRORS = (DNS, REFUSED, UNREACHABLE, TIMEOUT, RESET)


class Cause(NamedTuple):
    """One root: its services (several in a cycle), and what depends on them: failing as well, or in danger."""

    root: tuple[str, ...]
    failing: tuple[str, ...] = ()
    endangered: tuple[str, ...] = ()


class Diagnosis(NamedTuple):
    """Every root, the one with the most failing dependents first; `roots_of` leads from each failing service to the
    roots it fails because of, and from a root to itself."""

    causes: tuple[Cause, ...]
    roots_of: Mapping[str, tuple[tuple[str, ...], ...]]

    def ordered(self) -> list[tuple[str, int]]:
        """Every failing service once, with its depth: each root at 0 and behind it, at 1, those that fail because of
        it and stand under no earlier root."""
        told: set[str] = set()
        lines: list[tuple[str, int]] = []
        for cause in self.causes:
            lines += [(name, 0) for name in cause.root]
            lines += [(name, 1) for name in cause.failing if name not in told]
            told.update(cause.failing)
        return lines


def failing_services(results: Iterable[Result]) -> set[str]:
    """The services that have an unhealthy instance and none that could be used. What could not be probed from here may
    be well again: no service fails by what was known of it before."""
    unhealthy, usable = set(), set()
    for result in results:
        if result.service:
            if result.status in (HEALTHY, DEGRADED, DECLARED):
                usable.add(result.service)
            elif result.status == UNHEALTHY and not result.is_local:
                unhealthy.add(result.service)
    return unhealthy - usable


def diagnose(graph: Graph, failing: Iterable[str]) -> Diagnosis:
    """The roots and consequences of `failing`; a name that the graph does not know is a root of its own."""
    broken = set(failing)
    hard = graph.hard()
    above = _roots(hard, broken)
    above.update((name, frozenset({(name,)})) for name in broken if name not in above)
    roots_of = {name: tuple(sorted(above[name])) for name in sorted(broken)}
    causes = []
    for root in {root for roots in roots_of.values() for root in roots}:
        affected = hard.dependents(*root)
        causes.append(Cause(
            root, tuple(n for n in affected if n in broken), tuple(n for n in affected if n not in broken)
        ))
    causes.sort(key=lambda cause: (-len(cause.failing), -len(cause.endangered), cause.root))
    return Diagnosis(tuple(causes), roots_of)


def suspect_prober(results: Sequence[Result]) -> str:
    """A sentence that suspects this machine, when every target failed to connect; '' when there is no reason to.

    Three targets on two hosts are needed: with fewer, one dead peer explains it. A peer that accepts and is then
    silent, or answers wrongly, clears the prober, and so does anything that is well.
    """
    hosts = set()
    count = 0
    for result in results:
        error = result.evidence.get("error")
        if error is None and not result.is_local and "total_ms" not in result.evidence:
            continue                            # nobody probed it: maintenance, declared, a heartbeat that is due
        if error == UNTRUSTED or result.status == MISSING or result.url.startswith(f"{COMMAND}:"):
            continue                            # nor was anything sent to reach it
        is_reached = "connect_ms" in result.evidence
        if not result.is_local and (error not in _CONNECTION_ERRORS or is_reached):
            return ""
        count += 1
        hosts.add(_host(result.url))
    if count < MIN_SUSPECT_TARGETS or len(hosts) < MIN_SUSPECT_HOSTS:
        return ""
    return f"none of {count} targets on {len(hosts)} hosts could be reached: is the network of this machine at fault?"


def _roots(hard: Graph, broken: set[str]) -> dict[str, frozenset[tuple[str, ...]]]:
    """For each node the roots among `broken` that it or its needs fail because of; components come needs first."""
    roots: dict[str, frozenset[tuple[str, ...]]] = {}
    for component in hard.components():
        inside = set(component)
        below = {roots[target] for name in component for target in hard.targets(name) if target not in inside}
        found = next(iter(below)) if len(below) == 1 else frozenset().union(*below)
        failing = tuple(name for name in component if name in broken)
        if failing and not found:
            found = frozenset({failing})
        for name in component:
            roots[name] = found
    return roots


def _host(url: str) -> str:
    """The host in a URL, which was checked when it came in: to check ten thousand again takes longer than the rest."""
    place = url.partition("://")[2].partition("/")[0]
    return place if place.endswith("]") else place.rpartition(":")[0] or place
