"""The circuit breaker in memory beside pybreaker's, and over the store from four processes at once.

    python tests/bench/bench_breaker.py [CALLS] [ROUNDS]

In memory: a permit and its report, and an `async with` block, beside pybreaker's `call` of an empty function, in turns.
Over the store: each process checks, then records a success; once all on one service, once each on its own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pybreaker

from mgov import Platform
from mgov.governance.breaker_local import LocalBreaker

PROCESSES, EACH = 4, 500
CALL_LIMIT, ASYNC_LIMIT, LEAST_RATE = 0.75, 1.5, 2000.0


def nothing() -> None:
    return


def permits(breaker: LocalBreaker, count: int) -> float:
    """Seconds for `count` permits, each reported."""
    permit = breaker.permit
    start = time.perf_counter()
    for _ in range(count):
        permit().success()
    return time.perf_counter() - start


async def blocks(breaker: LocalBreaker, count: int) -> float:
    """Seconds for `count` blocks of `async with`."""
    start = time.perf_counter()
    for _ in range(count):
        async with breaker.guard():
            pass
    return time.perf_counter() - start


def calls(breaker: pybreaker.CircuitBreaker, count: int) -> float:
    """Seconds for `count` calls of nothing."""
    call = breaker.call
    start = time.perf_counter()
    for _ in range(count):
        call(nothing)
    return time.perf_counter() - start


def work(path: str, service: str) -> None:
    with Platform.open(path) as platform:
        breakers = platform.breakers
        for _ in range(EACH):
            breakers.check(service)
            breakers.record(service, None, "success", latency_s=0.01)


def race(path: str, services: list[str]) -> float:
    """Checks with their records per second, of all processes together."""
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=work, args=(path, service)) for service in services]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a worker failed")
    return PROCESSES * EACH / (time.perf_counter() - start)


def rounds_of(measure: Callable[[], float], count: int) -> float:
    return statistics.median(measure() for _ in range(count))


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    with tempfile.TemporaryDirectory(prefix="mgov-bench-", dir=os.environ.get("MGOV_BENCH_DIR")) as folder:
        path, _ = Platform.create(Path(folder) / "store")
        names = [f"s{number}" for number in range(PROCESSES)]
        with Platform.open(path) as platform:
            for name in ("local", "shared", *names):
                platform.registry.register(name)
            ours, theirs = platform.breakers.local("local"), pybreaker.CircuitBreaker()
            took: list[tuple[float, float, float]] = [
                (permits(ours, count), asyncio.run(blocks(ours, count)), calls(theirs, count)) for _ in range(rounds)
            ]
        call_s, block_s, their_s = (statistics.median(column) for column in zip(*took, strict=True))
        ratio = statistics.median(one[0] / one[2] for one in took)
        async_ratio = statistics.median(one[1] / one[2] for one in took)
        print(f"permit and report {call_s / count * 1e9:.0f} ns, async with {block_s / count * 1e9:.0f} ns, "
              f"pybreaker's call {their_s / count * 1e9:.0f} ns")
        print(f"ratios {ratio:.2f} (at most {CALL_LIMIT}) and {async_ratio:.2f} (at most {ASYNC_LIMIT})")
        one = rounds_of(lambda: race(path, ["shared"] * PROCESSES), 3)
        own = rounds_of(lambda: race(path, names), 3)
        print(f"check and record from {PROCESSES} processes: {one:.0f}/s on one service, {own:.0f}/s each on its own "
              f"(at least {LEAST_RATE:.0f})")
        with Platform.open(path) as platform:
            if platform.breakers.show("shared")[1].get().total != 3 * PROCESSES * EACH:
                raise SystemExit("a report was lost")
    return 0 if ratio <= CALL_LIMIT and async_ratio <= ASYNC_LIMIT and one >= LEAST_RATE else 1


if __name__ == "__main__":
    raise SystemExit(main())
