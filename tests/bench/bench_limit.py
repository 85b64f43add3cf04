"""The rate limiter beside the `limits` library's fixed window, and takes per second of four processes on one key.

    python tests/bench/bench_limit.py [ROUNDS] [TAKES]

In process: mgov's rule with its states in a dictionary against `FixedWindowRateLimiter.hit` on its memory storage, the
clock read by both, of the same thousand keys; counted is this thread's processor time, in turns. Across processes:
`Limits.take` over one store in a temporary folder (TMPDIR says on which disk), all on one key; what was granted is
counted, and must be within the limit.
"""

from __future__ import annotations

import multiprocessing
import shutil
import statistics
import sys
import tempfile
import time
from typing import Any

import limits as oracle
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

import mgov.store.state  # noqa: F401  loaded before the clock starts
from mgov.governance.limits import Limits
from mgov.governance.platform import Platform
from mgov.model.limit import decide, parse_rate

TARGET_RATIO = 0.3
PROCESSES = 4
KEYS = [f"client-{number}" for number in range(1000)]


def time_mgov(count: int) -> float:
    """Nanoseconds for one take in process."""
    policy = parse_rate("1000000/1s")
    tats: dict[str, int | None] = {}
    start = time.thread_time_ns()
    for number in range(count):
        key = KEYS[number % 1000]
        made = decide(policy, tats.get(key), time.time_ns())
        tats[key] = made.tat
        if not made.allowed:
            raise SystemExit("a take was refused")
    return (time.thread_time_ns() - start) / count


def time_oracle(count: int) -> float:
    """Nanoseconds for one hit of the library."""
    storage = MemoryStorage()
    limiter = FixedWindowRateLimiter(storage)
    item = oracle.RateLimitItemPerSecond(1_000_000)
    start = time.thread_time_ns()
    for number in range(count):
        if not limiter.hit(item, KEYS[number % 1000]):
            raise SystemExit("a hit was refused")
    spent = (time.thread_time_ns() - start) / count
    storage.timer.cancel()
    return spent


def take_many(path: str, count: int, start: Any, granted: Any) -> None:
    """Take from one key, as one of several processes."""
    with Platform.open(path, lock_wait_s=60) as platform:
        limits = Limits(platform.store, platform.clock)
        limits.policy("orders")
        start.wait()
        passed = sum(limits.take("orders").allowed for _ in range(count))
    with granted.get_lock():
        granted.value += passed


def race(rate: str, burst: int, count: int) -> tuple[float, int, float]:
    """(takes per second of all processes, how many passed, seconds) under one limit."""
    folder = tempfile.mkdtemp(prefix="mgov-bench-")
    path, _ = Platform.create(f"{folder}/store")
    with Platform.open(path) as platform:
        platform.registry.register("orders")
        platform.limits.set_policy("orders", parse_rate(rate, burst))
    context = multiprocessing.get_context("fork")
    start, granted = context.Barrier(PROCESSES + 1), context.Value("q", 0)
    workers = [context.Process(target=take_many, args=(path, count, start, granted)) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    start.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    spent_s = time.perf_counter() - began
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a process failed")
    shutil.rmtree(folder)
    return PROCESSES * count / spent_s, granted.value, spent_s


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    pairs = [(time_mgov(count), time_oracle(count)) for _ in range(rounds)]
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(mine / other for mine, other in pairs)
    print(f"in process: mgov {ours:.0f} ns, limits {theirs:.0f} ns, ratio {ratio:.2f} (at most {TARGET_RATIO})")
    passing, _, _ = race("1000000/1s", 1_000_000, count // 20)
    refused, granted, spent_s = race("100/1s", 20, count // 4)
    print(f"{PROCESSES} processes, one key: {passing:.0f} takes/s that pass, {refused:.0f}/s of which most are refused")
    print(f"{granted} passed in {spent_s:.1f} s, at most {20 + 100 * spent_s:.0f} may")
    return 0 if ratio <= TARGET_RATIO and granted <= 20 + 100 * spent_s else 1


if __name__ == "__main__":
    raise SystemExit(main())
