"""Names to addresses, once per name and sweep, in threads, so that a slow name delays nobody else."""

from __future__ import annotations

import socket
import threading
from functools import cached_property, partial
from typing import TYPE_CHECKING

from mgov.model.measurement import DNS, LOCAL_ERROR
from mgov.net.failure import ProbeFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from queue import SimpleQueue

    from mgov.net.reactor import Reactor, Task

    Resolve = Callable[[str], Sequence[str]]
    Address = tuple[int, tuple[object, ...]]

_NOT_FOUND = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_LOCAL = {socket.EAI_MEMORY, getattr(socket, "EAI_SYSTEM", socket.EAI_MEMORY)}


def system_resolve(host: str) -> list[str]:
    """The IP addresses of `host` in the system's order of preference (RFC 6724); blocks. Raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(_text(info[4]) for info in found))


def _text(sockaddr: tuple[object, ...]) -> str:
    scope = sockaddr[3] if len(sockaddr) > 3 else 0
    return f"{sockaddr[0]}%{scope}" if scope else str(sockaddr[0])


def literal(host: str, port: int) -> Address | None:
    """The socket address of `host` if it is an IP address in any spelling that getaddrinfo takes, else None.

    `127.1`, `0x7f.1`, `2130706433` and `0` are IPv4 addresses (inet_aton(3)): what is recorded is the address meant.
    """
    if ":" in host:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )[0]
        return family, address
    try:
        return socket.AF_INET, (socket.inet_ntoa(socket.inet_aton(host)), port)
    except OSError:
        return None


class _Lookup:
    """One name on its way: the tasks that wait, then its addresses or its failure."""

    __slots__ = ("addresses", "failure", "is_done", "tasks")

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.addresses: Sequence[str] = ()
        self.failure: ProbeFailed | None = None
        self.is_done = False


class Resolver:
    """Looks each name up once. A thread is added whenever none is idle: a stuck name holds one thread and no probe."""

    def __init__(self, reactor: Reactor, resolve: Resolve = system_resolve) -> None:
        self._reactor = reactor
        self._resolve = resolve
        self._lookups: dict[str, _Lookup] = {}
        self._thread_count = 0
        self._busy_count = 0

    @cached_property
    def _queue(self) -> SimpleQueue[tuple[str, _Lookup] | None]:
        # Most sweeps are of addresses and look nothing up.
        from queue import SimpleQueue

        return SimpleQueue()

    async def addresses(self, task: Task, host: str) -> Sequence[str]:
        """The addresses of `host`, never empty. Raises ProbeFailed (dns, local-error), or TimeoutError."""
        lookup = self._lookups.get(host)
        if lookup is None:
            lookup = self._begin(host)
        if not lookup.is_done:
            lookup.tasks.append(task)
            await task.park(lookup)
        if lookup.failure is not None:
            failed = lookup.failure
            raise ProbeFailed(failed.code, failed.detail, is_shortage=failed.is_shortage)
        return lookup.addresses

    def close(self) -> None:
        """Let idle threads end. A thread inside getaddrinfo cannot be stopped; it ends with its answer or mgov."""
        for _ in range(self._thread_count):
            self._queue.put(None)

    def _begin(self, host: str) -> _Lookup:
        queue = self._queue                     # made here, before a thread could make one of its own
        if self._busy_count >= self._thread_count:
            try:
                threading.Thread(target=self._work, name="mgov-resolve", daemon=True).start()
            except RuntimeError as error:
                raise ProbeFailed(LOCAL_ERROR, f"no thread to look up {host}: {error}", is_shortage=True) from error
            self._thread_count += 1
        lookup = self._lookups[host] = _Lookup()
        self._busy_count += 1
        queue.put((host, lookup))
        return lookup

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            host, lookup = job
            addresses, failure = resolve_safely(self._resolve, host)
            self._reactor.call_from_thread(partial(self._finish, host, lookup, addresses, failure))

    def _finish(self, host: str, lookup: _Lookup, addresses: Sequence[str], failure: ProbeFailed | None) -> None:
        self._busy_count -= 1
        if failure is not None and failure.is_shortage:
            del self._lookups[host]             # whoever asks again, later, is answered anew
        lookup.addresses, lookup.failure, lookup.is_done = addresses, failure, True
        for task in lookup.tasks:
            if task.parked_on is lookup:
                self._reactor.resume(task)


def resolve_safely(resolve: Resolve, host: str) -> tuple[Sequence[str], ProbeFailed | None]:
    """The addresses of `host`, or why there are none; blocks, and raises nothing."""
    try:
        addresses = resolve(host)
    except socket.gaierror as error:
        return (), _failure(host, error)
    except UnicodeError:
        return (), ProbeFailed(DNS, f"{host[:80]} is not a valid host name")
    except Exception as error:  # noqa: BLE001 - nothing may escape in a thread; the probe that asked reports it
        return (), ProbeFailed(LOCAL_ERROR, f"looking up {host[:80]} failed here: {error}")
    if not addresses:
        return (), ProbeFailed(DNS, f"{host[:80]} has no address")
    return addresses, None


def _failure(host: str, error: socket.gaierror) -> ProbeFailed:
    if error.errno in _LOCAL:
        return ProbeFailed(LOCAL_ERROR, f"looking up {host[:80]} failed here: {error.strerror}", is_shortage=True)
    if error.errno in _NOT_FOUND:
        return ProbeFailed(DNS, f"no such host: {host[:80]}")
    return ProbeFailed(DNS, f"looking up {host[:80]} failed: {str(error.strerror).lower()}")
