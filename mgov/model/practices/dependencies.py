"""Rules about who calls whom: no circles, no long ways through the organisation, no unguarded calls, no loose ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.auditpolicy import BREAKER, CYCLE, DANGLING, DOMAINS
from mgov.model.cycles import find_cycles
from mgov.model.names import suggest
from mgov.model.practice import Breach, listed, register_with

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mgov.model.graph import Graph
    from mgov.model.practice import Facts, Guard
    from mgov.model.service import Service

OFF = "off"
MAX_SUGGESTED = 20                              # a near name is looked for among all; in a fleet of loose ends, not


def cycle(facts: Facts) -> Iterator[Breach]:
    """In a circle of synchronous calls each waits for the next, and none can be deployed first."""
    for found in find_cycles(facts.graph.synchronous()):
        source, target = found.shortest[-1], found.shortest[0]
        rest = len(found.members) - len(found.shortest)
        more = f", and {rest} more with them" if rest else ""
        mend = register_with(facts.services[source], target) if source in facts.services else "mgov graph cycles --sync"
        yield Breach(CYCLE, found.members[0], f"{found}{more}", mend, found.members)


def dangling(facts: Facts) -> Iterator[Breach]:
    """What a service needs is somewhere to be found."""
    near: dict[str, str | None] = {}
    for service in facts.services.values():
        lost = [d.name for d in service.dependencies if not facts.is_known(d.name)]
        if not lost:
            continue
        for name in lost:
            if name not in near:
                near[name] = suggest(name, list(facts.services)) if len(near) < MAX_SUGGESTED else None
        meant = next((f" (is {near[name]} meant?)" for name in lost if near[name]), "")
        mend = f"mgov register {lost[0]} http://HOST:PORT"
        yield Breach(DANGLING, service.name, f"it needs {listed(lost)}, which nobody registered{meant}", mend)


def breaker(facts: Facts) -> Iterator[Breach]:
    """Who is called synchronously has a breaker policy, or calls to it already go through one; and it is not off."""
    calls = facts.graph.synchronous()
    for service in facts.services.values():
        callers = calls.sources(service.name)
        if not callers:
            continue
        fault = _unguarded(service, facts.guards.get(service.name))
        if fault is not None:
            evidence, mend = fault
            verb = "calls" if len(callers) == 1 else "call"
            yield Breach(BREAKER, service.name, f"{listed(callers)} {verb} it, and {evidence}", mend)


def domains(facts: Facts) -> Iterator[Breach]:
    """A chain of synchronous calls that leads from one domain into another again and again: so many teams must be well
    at once. A step between a service that has no domain and another is not counted. The first of the chain is named.
    """
    calls = facts.graph.synchronous()
    chains = _Chains(calls, facts.services)
    for head in calls.nodes:
        count = chains.count(head)
        if count > facts.max_domains and not any(chains.is_longer(caller, head) for caller in calls.sources(head)):
            way = chains.way(head)
            source, target = way[facts.max_domains - 1]
            entries = (way[0][0], *(entered for _, entered in way))
            shown = listed([f"{name} ({facts.services[name].domain})" for name in entries], 12)
            evidence = f"one call passes {count} domains, at most {facts.max_domains} may be: {shown}"
            yield Breach(DOMAINS, head, evidence, register_with(facts.services[source], target))


def _unguarded(service: Service, guard: Guard | None) -> tuple[str, str] | None:
    """Why no breaker stands before a service, and the command that puts one there; None where one does."""
    name, policy = service.name, service.breaker
    if guard is not None and guard.forced == OFF:
        return "its breaker is switched off", f"mgov breaker set {name} --force none"
    if policy is None:
        if guard is not None and guard.is_used:
            return None
        return "nothing says when its breaker opens", f"mgov breaker set {name} --slow-call 2s"
    is_slow_off = not policy.slow_call_s or not policy.slow_rate
    if not policy.threshold and not policy.failure_rate and is_slow_off:
        return "its breaker never opens by itself", f"mgov breaker set {name} --threshold 5"
    return None


class _Chains:
    """For each service the chain of synchronous calls from it that enters another domain most often."""

    def __init__(self, calls: Graph, services: Mapping[str, Service]) -> None:
        self._domain = {name: services[name].domain if name in services else "" for name in calls.nodes}
        self._calls = calls
        components = calls.components()             # each behind all that it needs
        self._home = {name: number for number, members in enumerate(components) for name in members}
        self._entered = [0] * len(components)
        self._onward: list[tuple[str, str] | None] = [None] * len(components)
        for number, members in enumerate(components):
            self._extend(number, members)

    def count(self, name: str) -> int:
        """How many domains its chain passes, its own among them."""
        return self._entered[self._home[name]] + 1

    def is_longer(self, caller: str, name: str) -> bool:
        """Whether the chain of `caller`, outside of the circle of `name`, tells of that of `name` already."""
        return self._home[caller] != self._home[name] and self.count(caller) >= self.count(name)

    def way(self, name: str) -> list[tuple[str, str]]:
        """The steps of its chain that enter another domain."""
        steps = []
        step = self._onward[self._home[name]]
        while step is not None:
            if self._is_border(*step):
                steps.append(step)
            step = self._onward[self._home[step[1]]]
        return steps

    def _extend(self, number: int, members: tuple[str, ...]) -> None:
        for name in members:
            for target in self._calls.targets(name):
                there = self._home[target]
                reached = self._entered[there] + self._is_border(name, target)
                if there != number and reached > self._entered[number]:
                    self._entered[number], self._onward[number] = reached, (name, target)

    def _is_border(self, source: str, target: str) -> bool:
        ends = self._domain[source], self._domain[target]
        return "" not in ends and ends[0] != ends[1]
