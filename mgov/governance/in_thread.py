"""The verbs of a component as coroutines: each runs in a thread, so that a slow flush never holds up the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from mgov.governance.permits import Permit, permit_in_thread

C = TypeVar("C")
P = ParamSpec("P")
R = TypeVar("R")


class InThread(Generic[C]):
    """Base of an asynchronous component: it holds the synchronous one."""

    def __init__(self, component: C) -> None:
        self._component = component


def in_thread(method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[Any, P], Awaitable[R]]:
    """The verb of an asynchronous component that is `method` of the one it holds."""

    @wraps(method)
    async def run(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(method, self._component, *args, **kwargs)

    return run


def leave_in_thread(method: Callable[Concatenate[C, P], Permit]) -> Callable[Concatenate[Any, P], Awaitable[Permit]]:
    """As `in_thread`, for a verb whose permit must not be lost when the caller is cancelled."""

    @wraps(method)
    async def run(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Permit:
        return await permit_in_thread(lambda: method(self._component, *args, **kwargs))

    return run
