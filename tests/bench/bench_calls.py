"""`platform.calls.get` beside a bare httpx client's `get`: one nginx, kept connections, one process, alternating.

    python tests/bench/bench_calls.py [--rounds 15] [--calls 300]

A call reads who there is and how well they are, asks breaker and limit, picks, sends and records; httpx only sends.
Printed are the medians of the rounds and their ratio, blocking and in an event loop.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx

from mgov import Platform

WARM_UP_CALLS = 100
CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  keepalive_requests 10000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ return 200 "ok\\n"; }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """The URL of an nginx on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([program, "-e", str(folder / "error.log"), "-c", str(config)])
    try:
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


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
    with tempfile.TemporaryDirectory() as name, nginx(Path(name)) as url:
        store = Path(name) / "store"
        Platform.create(store)
        with Platform.open(store) as platform:
            platform.registry.register("orders", url)
            platform.monitor.sweep(["orders"])
        report("blocking", *blocking(store, url, options.rounds, options.calls))
        report("in an event loop", *asyncio.run(awaited(store, url, options.rounds, options.calls)))


if __name__ == "__main__":
    main()
