"""The components for a program with an event loop: the same verbs, as coroutines.

What waits for the disk runs in a thread, so that a slow flush never holds up the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from mgov.governance.discovery import Discovery
from mgov.governance.manifests import Manifests
from mgov.governance.manner import USUAL, Manner
from mgov.governance.monitor import Monitor
from mgov.governance.registry import Registry

if TYPE_CHECKING:
    from mgov.governance.checked import Checked
    from mgov.governance.monitor import OnChecked
    from mgov.governance.platform import Platform

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


class AsyncManifests(_InThread[Manifests]):
    """The fleet as files; see `Manifests`."""

    apply = _in_thread(Manifests.apply)
    export = _in_thread(Manifests.export)


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
        self.registry = AsyncRegistry(platform.registry)
        self.discovery = AsyncDiscovery(platform.discovery)
        self.manifests = AsyncManifests(platform.manifests)
        self.monitor = AsyncMonitor(platform.monitor)
