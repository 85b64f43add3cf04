"""The components for a program with an event loop: the same verbs, as coroutines.

What waits for the disk runs in a thread, so that a slow flush never holds up the loop.
"""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING

from mgov.governance.async_configs import AsyncConfigs
from mgov.governance.audit import Audit
from mgov.governance.breakers import Breakers
from mgov.governance.changes import Changes
from mgov.governance.discovery import Discovery
from mgov.governance.graphs import Graphs
from mgov.governance.in_thread import InThread, in_thread, leave_in_thread
from mgov.governance.limits import Limits, Taken
from mgov.governance.manifests import Manifests
from mgov.governance.manner import USUAL, Manner
from mgov.governance.monitor import Monitor
from mgov.governance.registry import Registry
from mgov.governance.reports import Reports
from mgov.governance.trusts import Trusts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.clock import Clock
    from mgov.governance.async_calls import AsyncCalls
    from mgov.governance.checked import Checked
    from mgov.governance.monitor import OnChecked
    from mgov.governance.observed import Past
    from mgov.governance.overview import Status
    from mgov.governance.platform import Platform
    from mgov.governance.why import Why
    from mgov.store.repair import Action, Finding


class AsyncRegistry(InThread[Registry]):
    """Who is there; see `Registry`."""

    register = in_thread(Registry.register)
    deregister = in_thread(Registry.deregister)
    deregister_all = in_thread(Registry.deregister_all)
    heartbeat = in_thread(Registry.heartbeat)
    beating = in_thread(Registry.beating)
    maintain = in_thread(Registry.maintain)
    end_maintenance = in_thread(Registry.end_maintenance)
    prune = in_thread(Registry.prune)
    services = in_thread(Registry.services)
    instances = in_thread(Registry.instances)
    show = in_thread(Registry.show)
    instance = in_thread(Registry.instance)
    dependents = in_thread(Registry.dependents)
    graph = in_thread(Registry.graph)
    with_needs = in_thread(Registry.with_needs)
    maintenances = in_thread(Registry.maintenances)
    statistics = in_thread(Registry.statistics)


class AsyncDiscovery(InThread[Discovery]):
    """Which instance may be used; see `Discovery`."""

    members = in_thread(Discovery.members)
    find = in_thread(Discovery.find)
    pick = in_thread(Discovery.pick)
    wait = in_thread(Discovery.wait)


class AsyncBreakers(InThread[Breakers]):
    """May it be called; see `Breakers`. A local breaker and a permit are the same as there."""

    permit = leave_in_thread(Breakers.permit)
    admits = in_thread(Breakers.admits)
    check = in_thread(Breakers.check)
    record = in_thread(Breakers.record)
    guard_instances = in_thread(Breakers.guard_instances)
    flush = in_thread(Breakers.flush)
    states = in_thread(Breakers.states)
    show = in_thread(Breakers.show)
    policy = in_thread(Breakers.policy)
    trip = in_thread(Breakers.trip)
    reset = in_thread(Breakers.reset)
    force = in_thread(Breakers.force)
    set_policy = in_thread(Breakers.set_policy)
    local = in_thread(Breakers.local)


class AsyncGraphs(InThread[Graphs]):
    """Who needs whom; see `Graphs`."""

    graph = in_thread(Graphs.graph)
    picture = in_thread(Graphs.picture)
    cycles = in_thread(Graphs.cycles)
    order = in_thread(Graphs.order)
    impact = in_thread(Graphs.impact)
    path = in_thread(Graphs.path)
    longest_chain = in_thread(Graphs.longest_chain)
    check = in_thread(Graphs.check)
    diff = in_thread(Graphs.diff)


class AsyncAudit(InThread[Audit]):
    """Is it built well; see `Audit`."""

    score = in_thread(Audit.score)


class AsyncReports(InThread[Reports]):
    """All of it on one page; see `Reports`."""

    fleet = in_thread(Reports.fleet)
    html = in_thread(Reports.html)


class AsyncManifests(InThread[Manifests]):
    """The fleet as files; see `Manifests`."""

    apply = in_thread(Manifests.apply)
    export = in_thread(Manifests.export)


class AsyncLimits(InThread[Limits]):
    """How often each service may be called; see `Limits`. Waiting is done by the running event loop."""

    take_now = in_thread(Limits.take_now)
    is_limited = in_thread(Limits.is_limited)
    refusing = in_thread(Limits.refusing)
    reset = in_thread(Limits.reset)
    reset_all = in_thread(Limits.reset_all)
    show = in_thread(Limits.show)
    states = in_thread(Limits.states)
    keys = in_thread(Limits.keys)
    policy = in_thread(Limits.policy)
    set_policy = in_thread(Limits.set_policy)

    def __init__(self, limits: Limits, clock: Clock) -> None:
        super().__init__(limits)
        self._clock = clock

    async def take(self, key: str, count: int = 1, *, wait_s: float = 0.0, dry_run: bool = False) -> Taken:
        """As `Limits.take`."""
        deadline = self._clock.monotonic() + wait_s
        while True:
            taken = await self.take_now(key, count, dry_run=dry_run)
            if taken.allowed or dry_run or self._clock.monotonic() + taken.retry_after_s > deadline:
                return taken
            await asyncio.sleep(taken.retry_after_s)

    async def require(
        self, key: str, count: int = 1, *, wait_s: float = 0.0, dry_run: bool = False
    ) -> Taken | None:
        """As `Limits.require`."""
        if not await self.is_limited(key):
            return None
        taken = await self.take(key, count, wait_s=wait_s, dry_run=dry_run)
        if not taken.allowed:
            raise taken.refusal(count, wait_s=wait_s)
        return taken


class AsyncChanges(InThread[Changes]):
    """What was changed, and taking it back; see `Changes`."""

    of = in_thread(Changes.of)
    compare = in_thread(Changes.compare)
    plan_undo = in_thread(Changes.plan_undo)
    undo = in_thread(Changes.undo)
    list = in_thread(Changes.list)


class AsyncMonitor(InThread[Monitor]):
    """Is it well; see `Monitor`. `sweep` probes in the running event loop."""

    last_looks = in_thread(Monitor.last_looks)

    async def sweep(
        self, patterns: Sequence[str] = (), how: Manner = USUAL, *, on_checked: OnChecked | None = None
    ) -> list[Checked]:
        """As `Monitor.sweep`."""
        return await self._component.sweep_async(patterns, how, on_checked=on_checked)


class AsyncTrusts(InThread[Trusts]):
    """What the store asks its reader's machine to do, and what the reader agreed to; see `Trusts`."""

    asked = in_thread(Trusts.asked)
    untrusted_among = in_thread(Trusts.untrusted_among)
    require = in_thread(Trusts.require)
    agree = in_thread(Trusts.agree)
    withdraw = in_thread(Trusts.withdraw)


class AsyncPlatform:
    """What `async with Platform.open(...)` gives."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.registry = AsyncRegistry(platform.registry)
        self.discovery = AsyncDiscovery(platform.discovery)
        self.breakers = AsyncBreakers(platform.breakers)
        self.graphs = AsyncGraphs(platform.graphs)
        self.audit = AsyncAudit(platform.audit)
        self.reports = AsyncReports(platform.reports)
        self.changes = AsyncChanges(platform.changes)
        self.manifests = AsyncManifests(platform.manifests)
        self.configs = AsyncConfigs(platform.configs)
        self.monitor = AsyncMonitor(platform.monitor)
        self.limits = AsyncLimits(platform.limits, platform.clock)
        self.trusts = AsyncTrusts(platform.trusts)

    async def status(self) -> Status:
        """As `Platform.status`."""
        return await asyncio.to_thread(self._platform.status)

    async def why(self, name: str, *, must_look: bool = False) -> Why:
        """As `Platform.why`."""
        if must_look:
            await self.monitor.sweep(await self.registry.with_needs([name]))
        return await asyncio.to_thread(self._platform.why, name)

    async def past(self, service: str) -> dict[str, Past]:
        """As `Platform.past`."""
        return await asyncio.to_thread(self._platform.past, service)

    async def check(self) -> list[Finding]:
        """As `Platform.check`."""
        return await asyncio.to_thread(self._platform.check)

    async def repair(self, *, renumber: bool = False) -> list[Action]:
        """As `Platform.repair`."""
        return await asyncio.to_thread(self._platform.repair, renumber=renumber)

    async def accept(self, names: Sequence[str] | None = None) -> list[str]:
        """As `Platform.accept`."""
        return await asyncio.to_thread(self._platform.accept, names)

    async def close(self) -> None:
        """End all watches, and close the connections that were kept."""
        await self.configs.close()
        if "calls" in self.__dict__:
            await self.calls.close()

    @cached_property
    def calls(self) -> AsyncCalls:
        """Requests to services, protected."""
        from mgov.governance.async_calls import AsyncCalls

        return AsyncCalls(self._platform.calls)
