"""The event loop that asynchronous work runs on: uvloop's where it is installed, else asyncio's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


def run(coro: Coroutine[Any, Any, T]) -> T:
    """Run `coro` to its end on a fresh loop and return its result; Ctrl-C cancels it and raises KeyboardInterrupt."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(coro)


def loop_factory() -> Any:
    """What makes a new loop: uvloop.new_event_loop, or None for asyncio's default where uvloop is absent."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
