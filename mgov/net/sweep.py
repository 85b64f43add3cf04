"""Thousands of targets at once, each under its own deadline, their measurements in the order of the input.

The engine is a Reactor of coroutines (see there); `sweep` runs it inside the caller's asyncio or uvloop loop by
letting that loop watch the reactor's selector, `sweep_now` runs it alone, for a process that has no loop to share.
"""

from __future__ import annotations

from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING

from mgov.model.health import COMMAND
from mgov.model.measurement import LOCAL_ERROR, Measurement
from mgov.net.failure import translate
from mgov.net.limits import DEFAULT_CONCURRENCY, MAX_QUIET, allowed_files
from mgov.net.link import Link
from mgov.net.probe import measure, unforeseen
from mgov.net.reactor import Reactor, Task
from mgov.net.resolve import Resolver, system_resolve
from mgov.net.target import Target

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from mgov.net.resolve import Resolve
    from mgov.net.tls import Contexts

    OnResult = Callable[[int, Measurement], None]

    class ProbeAll(Protocol):
        """What `sweep_now` is, for a caller that may be given another."""

        def __call__(
            self, targets: Sequence[Target], *, concurrency: int | None = None, on_result: OnResult | None = None
        ) -> list[Measurement]:
            """The measurements of `targets`, in their order; each is told to `on_result` as it comes."""

_NEVER = float("inf")
_COMMAND = f"{COMMAND}:"
_QUIET_AFTER_S = 0.1            # a probe this old waits for its peer and costs nothing
_FILES_OF_A_COMMAND = 3         # its output, its end, and the selector that watches both (mgov.net.command)
_STARTS_PER_STEP = 512          # so that targets which fail at once do not keep the caller's loop from others
__all__ = ["Target", "sweep", "sweep_now"]


async def sweep(
    targets: Sequence[Target],
    *,
    concurrency: int | None = None,
    on_result: OnResult | None = None,
    resolve: Resolve = system_resolve,
) -> list[Measurement]:
    """Probe all `targets`, at most `concurrency` at once; the results are in their order.

    `concurrency` is lowered to what the limit on open files allows. Without one it is 200, and up to 800 more as
    peers keep silent, so that dead hosts do not hold up the living. `on_result(index, measurement)` is called as each
    target is done; what it raises ends the sweep. `resolve` gives the addresses of a name and may block. A target
    that fails in any way is a measurement. Cancelling closes all sockets at once.
    """
    import asyncio

    try:
        engine = _Engine(targets, concurrency, on_result, resolve)
    except OSError as error:
        return _none_possible(targets, error, on_result)
    try:
        await _drive(engine, asyncio.get_running_loop())
        return engine.results
    finally:
        engine.close()


def sweep_now(
    targets: Sequence[Target],
    *,
    concurrency: int | None = None,
    on_result: OnResult | None = None,
    resolve: Resolve = system_resolve,
) -> list[Measurement]:
    """As `sweep`, blocking this thread: no event loop is imported, which is a tenth of a second at start-up."""
    try:
        engine = _Engine(targets, concurrency, on_result, resolve)
    except OSError as error:
        return _none_possible(targets, error, on_result)
    try:
        engine.begin()
        while not engine.is_done:
            engine.step(max(0.0, engine.next_at - perf_counter()))
        return engine.results
    finally:
        engine.close()


def _none_possible(targets: Sequence[Target], error: OSError, on_result: OnResult | None) -> list[Measurement]:
    """What a sweep that lacks even its selector has to say of each target."""
    seen = Measurement(LOCAL_ERROR, str(translate(error)))
    if on_result is not None:
        for index in range(len(targets)):
            on_result(index, seen)
    return [seen] * len(targets)


async def _drive(engine: _Engine, loop: asyncio.AbstractEventLoop) -> None:
    """Have `loop` step the engine whenever its selector or its earliest deadline says so."""
    done: asyncio.Future[None] = loop.create_future()
    timer: asyncio.TimerHandle | None = None
    armed_at = _NEVER

    def turn() -> None:
        nonlocal timer, armed_at
        if done.done():
            return
        try:
            engine.step(0)
        except BaseException as error:  # noqa: BLE001 - carried to the awaiting caller, not swallowed by the loop
            done.set_exception(error)
            return
        if engine.is_done:
            done.set_result(None)
            return
        if timer is None or engine.next_at < armed_at:
            if timer is not None:
                timer.cancel()
            armed_at = engine.next_at
            timer = loop.call_later(max(0.0, armed_at - perf_counter()), tick)

    def tick() -> None:
        nonlocal timer
        timer = None                    # it may have fired a moment early: turn arms the next
        turn()

    loop.add_reader(engine.fileno(), turn)
    try:
        engine.begin()
        loop.call_soon(turn)
        await done
    finally:
        loop.remove_reader(engine.fileno())
        if timer is not None:
            timer.cancel()


class _Engine:
    """The targets that wait, those that run, and the results."""

    def __init__(
        self, targets: Sequence[Target], concurrency: int | None, on_result: OnResult | None, resolve: Resolve
    ) -> None:
        self._targets = targets
        most = DEFAULT_CONCURRENCY + MAX_QUIET if concurrency is None else max(1, concurrency)
        self._has_commands = any(target.url.startswith(_COMMAND) for target in targets)
        self._most_files = allowed_files(min(most, len(targets)) * _FILES_OF_A_COMMAND if self._has_commands else most)
        self._held_files = 0
        self._most = min(most, self._most_files)
        self._base = self._limit = min(self._most, DEFAULT_CONCURRENCY) if concurrency is None else self._most
        self._look_at = _NEVER          # when to count the quiet ones again
        self._on_result = on_result
        self._results: list[Measurement | None] = [None] * len(targets)
        self._waiting = iter(range(len(targets)))
        self._again: deque[int] = deque()
        self._tried_twice: set[int] = set()
        self._left_count = len(targets)
        self._has_more_to_start = False
        self._contexts: Contexts = {}
        self._reactor = Reactor(self._finish)
        self._resolver = Resolver(self._reactor, resolve)

    @property
    def is_done(self) -> bool:
        return self._left_count == 0

    @property
    def next_at(self) -> float:
        return 0.0 if self._has_more_to_start else min(self._reactor.next_at, self._look_at)

    @property
    def results(self) -> list[Measurement]:
        return [result for result in self._results if result is not None]

    def fileno(self) -> int:
        return self._reactor.fileno()

    def begin(self) -> None:
        self._fill()

    def step(self, timeout_s: float) -> None:
        self._reactor.step(timeout_s)
        if self._look_at < _NEVER and (now := perf_counter()) >= self._look_at:
            quiet_count = sum(
                task.started_at <= now - _QUIET_AFTER_S and not self._is_command(task.index)
                for task in self._reactor.live
            )
            self._limit = min(self._most, self._base + quiet_count)
            self._look_at = _NEVER
        self._fill()

    def close(self) -> None:
        self._resolver.close()
        self._reactor.close()

    def _fill(self) -> None:
        live = self._reactor.live
        self._has_more_to_start = False
        for _ in range(_STARTS_PER_STEP):
            if len(live) >= self._limit:
                if self._base < self._most and self._look_at == _NEVER:
                    self._look_at = perf_counter() + _QUIET_AFTER_S
                return
            index = self._again.popleft() if self._again else next(self._waiting, -1)
            if index < 0:
                return
            if live and self._held_files + self._files_of(index) > self._most_files:
                self._again.appendleft(index)
                return
            self._start(index)
        self._has_more_to_start = True

    def _is_command(self, index: int) -> bool:
        return self._has_commands and self._targets[index].url.startswith(_COMMAND)

    def _files_of(self, index: int) -> int:
        return _FILES_OF_A_COMMAND if self._is_command(index) else 1

    def _start(self, index: int) -> None:
        target = self._targets[index]
        self._held_files += self._files_of(index)
        task = Task(self._reactor, index, target.timeout_s)
        self._reactor.start(task, measure(target, Link(task, self._resolver, self._contexts)))

    def _finish(self, task: Task, result: Measurement | None, failure: Exception | None) -> None:
        index = task.index
        self._held_files -= self._files_of(index)
        seen = result if result is not None else unforeseen(failure or RuntimeError("no result"))
        if seen.is_shortage and index not in self._tried_twice and self._reactor.live:
            # The probes still running will give back what this machine is short of: fewer at once.
            self._tried_twice.add(index)
            self._base = self._most = self._limit = min(self._limit, len(self._reactor.live))
            self._again.append(index)
            return
        self._results[index] = seen
        self._left_count -= 1
        if self._on_result is not None:
            self._on_result(index, seen)
