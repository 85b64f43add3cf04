"""The components for a program with an event loop: the same verbs, as coroutines.

What waits for the disk runs in a thread, so that a slow flush never holds up the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from mgov.governance.audit import Audit
from mgov.governance.breakers import Breakers
from mgov.governance.changes import Changes
from mgov.governance.configs import Configs
from mgov.governance.discovery import Discovery
from mgov.governance.graphs import Graphs
from mgov.governance.limits import Limits, Taken
from mgov.governance.manifests import Manifests
from mgov.governance.manner import USUAL, Manner
from mgov.governance.monitor import Monitor
from mgov.governance.permits import Permit, permit_in_thread
from mgov.governance.registry import Registry
from mgov.governance.reports import Reports
from mgov.governance.schemas import Schemas
from mgov.model.config import DEFAULT

if TYPE_CHECKING:
    from mgov.clock import Clock
    from mgov.governance.async_calls import AsyncCalls
    from mgov.governance.checked import Checked
    from mgov.governance.following import Change
    from mgov.governance.monitor import OnChecked
    from mgov.governance.overview import Status
    from mgov.governance.platform import Platform
    from mgov.governance.why import Why
    from mgov.model.quiesce import Quiesce

C = TypeVar("C")
P = ParamSpec("P")
R = TypeVar("R")


class _InThread(Generic[C]):
    """Base of an asynchronous component: it holds the synchronous one."""

    def __init__(self, component: C) -> None:
        self._component = component


def _in_thread(
    method: Callable[Concatenate[C, P], R],
) -> Callable[Concatenate[Any, P], Awaitable[R]]:
    @wraps(method)
    async def run(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(method, self._component, *args, **kwargs)

    return run


def _leave_in_thread(
    method: Callable[Concatenate[C, P], Permit],
) -> Callable[Concatenate[Any, P], Awaitable[Permit]]:
    @wraps(method)
    async def run(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Permit:
        return await permit_in_thread(lambda: method(self._component, *args, **kwargs))

    return run


class AsyncRegistry(_InThread[Registry]):
    """Who is there; see `Registry`."""

    register = _in_thread(Registry.register)
    deregister = _in_thread(Registry.deregister)
    deregister_all = _in_thread(Registry.deregister_all)
    heartbeat = _in_thread(Registry.heartbeat)
    beating = _in_thread(Registry.beating)
    maintain = _in_thread(Registry.maintain)
    end_maintenance = _in_thread(Registry.end_maintenance)
    prune = _in_thread(Registry.prune)
    services = _in_thread(Registry.services)
    instances = _in_thread(Registry.instances)
    show = _in_thread(Registry.show)
    instance = _in_thread(Registry.instance)
    dependents = _in_thread(Registry.dependents)
    graph = _in_thread(Registry.graph)
    with_needs = _in_thread(Registry.with_needs)
    maintenances = _in_thread(Registry.maintenances)
    statistics = _in_thread(Registry.statistics)


class AsyncDiscovery(_InThread[Discovery]):
    """Which instance may be used; see `Discovery`."""

    members = _in_thread(Discovery.members)
    find = _in_thread(Discovery.find)
    pick = _in_thread(Discovery.pick)
    wait = _in_thread(Discovery.wait)


class AsyncBreakers(_InThread[Breakers]):
    """May it be called; see `Breakers`. A local breaker and a permit are the same as there."""

    permit = _leave_in_thread(Breakers.permit)
    admits = _in_thread(Breakers.admits)
    check = _in_thread(Breakers.check)
    record = _in_thread(Breakers.record)
    guard_instances = _in_thread(Breakers.guard_instances)
    flush = _in_thread(Breakers.flush)
    states = _in_thread(Breakers.states)
    show = _in_thread(Breakers.show)
    policy = _in_thread(Breakers.policy)
    trip = _in_thread(Breakers.trip)
    reset = _in_thread(Breakers.reset)
    force = _in_thread(Breakers.force)
    set_policy = _in_thread(Breakers.set_policy)
    local = _in_thread(Breakers.local)


class AsyncGraphs(_InThread[Graphs]):
    """Who needs whom; see `Graphs`."""

    graph = _in_thread(Graphs.graph)
    picture = _in_thread(Graphs.picture)
    cycles = _in_thread(Graphs.cycles)
    order = _in_thread(Graphs.order)
    impact = _in_thread(Graphs.impact)
    path = _in_thread(Graphs.path)
    longest_chain = _in_thread(Graphs.longest_chain)
    check = _in_thread(Graphs.check)
    diff = _in_thread(Graphs.diff)


class AsyncAudit(_InThread[Audit]):
    """Is it built well; see `Audit`."""

    score = _in_thread(Audit.score)
    facts = _in_thread(Audit.facts)


class AsyncReports(_InThread[Reports]):
    """All of it on one page; see `Reports`."""

    fleet = _in_thread(Reports.fleet)
    html = _in_thread(Reports.html)


class AsyncManifests(_InThread[Manifests]):
    """The fleet as files; see `Manifests`."""

    apply = _in_thread(Manifests.apply)
    export = _in_thread(Manifests.export)


class AsyncLimits(_InThread[Limits]):
    """How often each service may be called; see `Limits`. Waiting is done by the running event loop."""

    take_now = _in_thread(Limits.take_now)
    is_limited = _in_thread(Limits.is_limited)
    refusing = _in_thread(Limits.refusing)
    reset = _in_thread(Limits.reset)
    reset_all = _in_thread(Limits.reset_all)
    show = _in_thread(Limits.show)
    states = _in_thread(Limits.states)
    keys = _in_thread(Limits.keys)
    policy = _in_thread(Limits.policy)
    set_policy = _in_thread(Limits.set_policy)

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


class AsyncChanges(_InThread[Changes]):
    """What was changed, and taking it back; see `Changes`."""

    of = _in_thread(Changes.of)
    compare = _in_thread(Changes.compare)
    plan_undo = _in_thread(Changes.plan_undo)
    undo = _in_thread(Changes.undo)
    list = _in_thread(Changes.list)


class AsyncSchemas(_InThread[Schemas]):
    """What configurations are held to; see `Schemas`."""

    of = _in_thread(Schemas.of)
    set = _in_thread(Schemas.set)
    over_base = _in_thread(Schemas.over_base)
    violations = _in_thread(Schemas.violations)


class AsyncConfigs(_InThread[Configs]):
    """The values of each service in each environment; see `Configs`."""

    def __init__(self, component: Configs) -> None:
        super().__init__(component)
        self.schemas = AsyncSchemas(component.schemas)

    get = _in_thread(Configs.get)
    read = _in_thread(Configs.read)
    environments = _in_thread(Configs.environments)
    newest = _in_thread(Configs.newest)
    versions = _in_thread(Configs.versions)
    history = _in_thread(Configs.history)
    diff = _in_thread(Configs.diff)
    resolve = _in_thread(Configs.resolve)
    set = _in_thread(Configs.set)
    unset = _in_thread(Configs.unset)
    replace = _in_thread(Configs.replace)
    rollback = _in_thread(Configs.rollback)
    promote = _in_thread(Configs.promote)
    publish = _in_thread(Configs.publish)
    gc = _in_thread(Configs.gc)
    follow = _in_thread(Configs.follow)
    close = _in_thread(Configs.close)

    async def watch(
        self,
        service: str,
        callback: Callable[[Change], object],
        key: str = "",
        *,
        environment: str = DEFAULT,
        after: int | None = None,
        quiesce: Quiesce | None = None,
    ) -> Callable[[], Awaitable[None]]:
        """As `Configs.watch`, but the callback, a function or a coroutine, runs in the running event loop.

        Stopping is awaited; a callback may stop its own watch.
        """
        loop = asyncio.get_running_loop()
        calling: asyncio.Task[Any] | None = None
        is_stopped = False

        async def call(change: Change) -> None:
            nonlocal calling
            if is_stopped:
                return
            calling = asyncio.current_task()
            result = callback(change)
            if isinstance(result, Awaitable):
                await result

        def relay(change: Change) -> None:
            if not loop.is_closed():                        # of a watch that nobody stopped
                asyncio.run_coroutine_threadsafe(call(change), loop).result()

        stop = await asyncio.to_thread(
            self._component.watch, service, relay, key, environment=environment, after=after, quiesce=quiesce
        )

        async def stop_watching() -> None:
            nonlocal is_stopped
            is_stopped = True
            stopping = loop.run_in_executor(None, stop)
            if asyncio.current_task() is not calling:       # else it would wait for itself
                await stopping

        return stop_watching


class AsyncMonitor(_InThread[Monitor]):
    """Is it well; see `Monitor`. `sweep` probes in the running event loop."""

    last_looks = _in_thread(Monitor.last_looks)

    async def sweep(
        self, patterns: Sequence[str] = (), how: Manner = USUAL, *, on_checked: OnChecked | None = None
    ) -> list[Checked]:
        """As `Monitor.sweep`."""
        return await self._component.sweep_async(patterns, how, on_checked=on_checked)


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

    async def status(self) -> Status:
        """As `Platform.status`."""
        return await asyncio.to_thread(self._platform.status)

    async def why(self, name: str, *, must_look: bool = False) -> Why:
        """As `Platform.why`."""
        if must_look:
            await self.monitor.sweep(await self.registry.with_needs([name]))
        return await asyncio.to_thread(self._platform.why, name)

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
