"""Many small coroutines over non-blocking sockets, driven by one selector.

A probe is an `async def`, but not an asyncio task: at thousands of targets a second a task and its futures cost more
than the probe. A coroutine here waits on one socket (or on a callback) and is resumed by `Reactor.step`, which an
asyncio loop or a plain `while` may call; `mgov.net.sweep` does both. Not thread-safe but for `call_from_thread`.
"""

from __future__ import annotations

import selectors
import socket
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from typing import Any

    Done = Callable[["Task", Any, "Exception | None"], None]

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_NEVER = float("inf")


class _Pause:
    """Awaiting this gives control back to the reactor until it resumes the task."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield


_PAUSE = _Pause()


class Task:
    """One running coroutine: what it waits for and until when.

    `deadline` is its end, `timeout_s` after `started_at`; at `expires_at`, at most that, TimeoutError is raised inside
    it. All three are perf_counter seconds.
    """

    __slots__ = ("_fd", "_mask", "_reactor", "coro", "deadline", "expires_at", "index", "parked_on",
                 "started_at")

    def __init__(self, reactor: Reactor, index: int, timeout_s: float) -> None:
        self._reactor = reactor
        self.index = index
        self.started_at = perf_counter()
        self.deadline = self.expires_at = self.started_at + timeout_s
        self.coro: Coroutine[Any, Any, Any] | None = None
        self.parked_on: object = None
        self._fd = -1
        self._mask = 0

    async def readable(self, sock: socket.socket) -> None:
        """Return when `sock` has bytes, an end or an error to read; TimeoutError at `expires_at`."""
        self._watch(sock.fileno(), _READ)
        await _PAUSE

    async def writable(self, sock: socket.socket) -> None:
        """Return when `sock` takes bytes, has connected or failed to; TimeoutError at `expires_at`."""
        self._watch(sock.fileno(), _WRITE)
        await _PAUSE

    async def park(self, on: object) -> None:
        """Return when somebody resumes the task for `on`; TimeoutError at `expires_at`."""
        self.parked_on = on
        try:
            await _PAUSE
        finally:
            self.parked_on = None

    def expire_at(self, moment: float) -> None:
        """Raise TimeoutError inside the task at `moment`, or at its deadline if that is sooner."""
        self.expires_at = min(moment, self.deadline)
        self._reactor.next_at = min(self._reactor.next_at, self.expires_at)

    def forget_socket(self) -> None:
        """Stop watching; called before the watched socket is closed."""
        if self._fd >= 0:
            self._reactor.selector.unregister(self._fd)
            self._fd, self._mask = -1, 0

    def _watch(self, fd: int, mask: int) -> None:
        if fd == self._fd:
            if mask != self._mask:
                self._reactor.selector.modify(fd, mask, self)
        else:
            self._reactor.selector.register(fd, mask, self)
            self._fd = fd
        self._mask = mask


class Reactor:
    """Runs tasks until each has called `on_done(task, result, exception)`.

    `next_at` is the earliest moment at which a task may expire (perf_counter seconds): call `step` by then. An
    exception of `on_done` leaves through `step` or `start`. `close` ends every task and closes what it holds.
    """

    def __init__(self, on_done: Done) -> None:
        self.next_at = _NEVER
        self.live: set[Task] = set()
        self._on_done = on_done
        self._calls: deque[Callable[[], None]] = deque()
        self.selector = selectors.DefaultSelector()
        try:
            self._wake_read, self._wake_write = socket.socketpair()
        except OSError:
            self.selector.close()
            raise
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self.selector.register(self._wake_read, _READ, None)

    def fileno(self) -> int:
        """A descriptor that is readable when `step(0)` has work (epoll and kqueue can themselves be polled)."""
        return self.selector.fileno()

    def start(self, task: Task, coro: Coroutine[Any, Any, Any]) -> None:
        """Run `coro` as `task` up to its first wait."""
        task.coro = coro
        self.live.add(task)
        self.next_at = min(self.next_at, task.expires_at)
        self.resume(task)

    def resume(self, task: Task, error: Exception | None = None) -> None:
        """Let `task` go on, with `error` raised inside it if given."""
        coro = task.coro
        if coro is None:
            return
        result, failure = None, None
        try:
            if error is None:
                coro.send(None)
            else:
                coro.throw(error)
            return
        except StopIteration as stop:
            result = stop.value
        except Exception as unforeseen:  # noqa: BLE001 - one target's failure must not end the sweep
            failure = unforeseen
        task.coro = None
        self.live.discard(task)
        self._on_done(task, result, failure)

    def step(self, timeout_s: float | None = 0) -> None:
        """Wait at most `timeout_s` for something to happen, resume whom it concerns, expire whose time is over."""
        for key, _ in self.selector.select(timeout_s):
            if key.data is None:
                self._run_calls()
            else:
                self.resume(key.data)
        now = perf_counter()
        if now >= self.next_at:
            self._expire(now)

    def call_from_thread(self, call: Callable[[], None]) -> None:
        """Have the next `step` call `call`; the one method that other threads may use."""
        self._calls.append(call)
        try:
            self._wake_write.send(b"\0")
        except OSError:         # full: a wake-up is pending anyway; closed: nobody waits any more
            return

    def close(self) -> None:
        """End every task without result and close all sockets; nothing is reported."""
        for task in list(self.live):
            coro, task.coro = task.coro, None
            if coro is not None:
                coro.close()
        self.live.clear()
        self.selector.close()
        self._wake_read.close()
        self._wake_write.close()

    def _run_calls(self) -> None:
        try:
            self._wake_read.recv(4096)
        except BlockingIOError:
            return
        while self._calls:
            self._calls.popleft()()

    def _expire(self, now: float) -> None:
        # next_at is only a lower bound, for finished tasks do not lift it: look at all that live, which is rare.
        self.next_at = _NEVER
        for task in list(self.live):
            if task.expires_at <= now:
                self.resume(task, TimeoutError())
            if task.coro is not None:
                self.next_at = min(self.next_at, task.expires_at)
