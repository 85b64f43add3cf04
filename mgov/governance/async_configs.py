"""Configurations for a program with an event loop: see `mgov.governance.configs`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from mgov.governance.configs import Configs
from mgov.governance.in_thread import InThread, in_thread
from mgov.governance.schemas import Schemas
from mgov.model.config import DEFAULT

if TYPE_CHECKING:
    from mgov.governance.following import Change
    from mgov.model.quiesce import Quiesce


class AsyncSchemas(InThread[Schemas]):
    """What configurations are held to; see `Schemas`."""

    of = in_thread(Schemas.of)
    set = in_thread(Schemas.set)
    over_base = in_thread(Schemas.over_base)
    violations = in_thread(Schemas.violations)


class AsyncConfigs(InThread[Configs]):
    """The values of each service in each environment; see `Configs`."""

    def __init__(self, component: Configs) -> None:
        super().__init__(component)
        self.schemas = AsyncSchemas(component.schemas)

    get = in_thread(Configs.get)
    read = in_thread(Configs.read)
    environments = in_thread(Configs.environments)
    newest = in_thread(Configs.newest)
    versions = in_thread(Configs.versions)
    history = in_thread(Configs.history)
    diff = in_thread(Configs.diff)
    resolve = in_thread(Configs.resolve)
    set = in_thread(Configs.set)
    unset = in_thread(Configs.unset)
    replace = in_thread(Configs.replace)
    rollback = in_thread(Configs.rollback)
    promote = in_thread(Configs.promote)
    publish = in_thread(Configs.publish)
    gc = in_thread(Configs.gc)
    follow = in_thread(Configs.follow)
    close = in_thread(Configs.close)

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
