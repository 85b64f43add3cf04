"""`platform.calls.get` beside a bare httpx client's `get`: one nginx, kept connections, one process, alternating.

    python tests/bench/bench_calls.py [--rounds 15] [--calls 300]

A call reads who there is and how well they are, asks breaker and limit, picks, sends and records; httpx only sends.
Printed are the medians of the rounds and their ratio, blocking and in an event loop.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
from bench_sweep import nginx

from mgov import Platform

WARM_UP_CALLS = 100


def blocking(store: Path, url: str, rounds: int, count: int) -> tuple[list[float], list[float]]:
    """Seconds a call of each round: mgov's, httpx's."""
    ours, theirs = [], []
    with Platform.open(store) as platform, httpx.Client(trust_env=False) as client:
        for number in range(-1, rounds):
            for times, call in (
                (ours, lambda: platform.calls.get("orders", "/items")), (theirs, lambda: client.get(f"{url}/items")),
            ):  # fmt: skip
                began = time.perf_counter()
                for _ in range(count if number >= 0 else WARM_UP_CALLS):
                    assert call().status_code == 200
                if number >= 0:
                    times.append((time.perf_counter() - began) / count)
    return ours, theirs


async def awaited(store: Path, url: str, rounds: int, count: int) -> tuple[list[float], list[float]]:
    """As `blocking`, one call after the other in an event loop."""
    ours: list[float] = []
    theirs: list[float] = []
    async with Platform.open(store) as platform, httpx.AsyncClient(trust_env=False) as client:
        contenders: list[tuple[list[float], Callable[[], Awaitable[object]]]] = [
            (ours, lambda: platform.calls.get("orders", "/items")), (theirs, lambda: client.get(f"{url}/items")),
        ]  # fmt: skip
        for number in range(-1, rounds):
            for times, call in contenders:
                began = time.perf_counter()
                for _ in range(count if number >= 0 else WARM_UP_CALLS):
                    await call()
                if number >= 0:
                    times.append((time.perf_counter() - began) / count)
    return ours, theirs


def report(name: str, ours: list[float], theirs: list[float]) -> None:
    """One line: the medians and their ratio."""
    mine, other = statistics.median(ours) * 1e6, statistics.median(theirs) * 1e6
    print(f"{name}: a call {mine:.0f} us, httpx {other:.0f} us, ratio {mine / other:.2f}")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, nginx(Path(name), keepalive_s=75) as port:
        store, url = Path(name) / "store", f"http://127.0.0.1:{port}"
        Platform.create(store)
        with Platform.open(store) as platform:
            platform.registry.register("orders", url)
            platform.monitor.sweep(["orders"])
        report("blocking", *blocking(store, url, options.rounds, options.calls))
        report("in an event loop", *asyncio.run(awaited(store, url, options.rounds, options.calls)))


if __name__ == "__main__":
    main()
