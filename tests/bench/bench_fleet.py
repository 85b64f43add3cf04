"""What a large fleet costs: one service of 10,000, and 1,000 services with 10,000 instances as one manifest.

    python tests/bench/bench_fleet.py [--runs 15]

`discover` of one service is timed alternately in a store of 10 services and in one of 10,000; the figure is the ratio
of the medians, of the wall clock or of the processor's time, whichever is smaller, with the limit 1.1. `apply` of the
big manifest is timed once as TOML and once as JSON, each into a new store, with the limit 5 s. `services` and `stats`
over it are timed alternately with the same command over an empty store; the figure is the difference of the medians,
with the limit 0.5 s. `audit`, whose limit is 1.5 s, and `report`, whose limit is 3 s and 3 MB, are timed in the same
way over a fleet of the same size whose dependencies are drawn by lot, and over one service. So
are `status` and `why`, with the limit 0.5 s, over as big a fleet that was looked at, in chains of ten services of which
the last one fails, and over one such chain.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FEW, MANY = 10, 10_000
SERVICE_COUNT, INSTANCES_EACH = 1_000, 10
CHAIN = 10
DISCOVER_LIMIT, APPLY_LIMIT_S, LIST_LIMIT_S = 1.1, 5.0, 0.5
AUDIT_LIMIT_S, REPORT_LIMIT_S, REPORT_LIMIT_BYTES = 1.5, 3.0, 3_000_000
DOMAINS = 12


def fleet(service_count: int, instances_each: int) -> dict[str, Any]:
    """A manifest: each service depends on the one before, each instance has an address of its own."""
    services: dict[str, Any] = {}
    for i in range(service_count):
        services[f"service-{i:05}"] = {
            "owner": f"team-{i % 20}",
            "tags": ["edge" if i % 3 == 0 else "core"],
            "dependencies": [f"service-{i - 1:05}"] if i else [],
            "instances": [
                {"url": f"http://10.{i // 250}.{i % 250}.{j + 1}:8080", "health": "none", "region": f"eu-{j % 3}"}
                for j in range(instances_each)
            ],
        }
    return {"services": services}


def toml_text(document: dict[str, Any]) -> str:
    """The manifest as TOML."""
    import tomli_w

    return tomli_w.dumps(document)


class Cost(NamedTuple):
    """One process: what passed on the wall, and what it used of the processor, in seconds."""

    wall_s: float
    cpu_s: float


def mgov(store: Path, *words: str, ends_with: Sequence[int] = (0,)) -> Cost:
    """What one command over `store` took as a whole process; end the benchmark when it fails."""
    command = [sys.executable, "-m", "mgov", *words, "--quiet", "--store", str(store)]
    with open(store.parent / "out.txt", "wb") as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, env=environment())
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in ends_with:
        sys.exit(f"{' '.join(words)} ended with {process.returncode}")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime)


def environment() -> dict[str, str]:
    """This process's environment, with mgov's source to be found."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "MGOV_"))}
    return {**kept, "PYTHONPATH": str(ROOT)}


def new_store(folder: Path, name: str) -> Path:
    """An empty store."""
    store = folder / name
    mgov(store, "init", str(store))
    return store


def store_of(folder: Path, name: str, document: dict[str, Any]) -> Path:
    """A store that holds `document`."""
    store = new_store(folder, name)
    manifest = folder / f"{name}.json"
    manifest.write_text(json.dumps(document))
    mgov(store, "apply", "-f", str(manifest))
    return store


def alternate(stores: Sequence[Path], words: Sequence[str], *, runs: int) -> list[Cost]:
    """The medians of one command over each of the stores, taken in turn; one round warms up."""
    times: list[list[Cost]] = [[] for _ in stores]
    for turn in range(runs + 1):
        for kept, store in zip(times, stores, strict=True):
            cost = mgov(store, *words)
            if turn:
                kept.append(cost)
    return [Cost(*(statistics.median(one[i] for one in kept) for i in range(2))) for kept in times]


def verdict(value: float, limit: float) -> str:
    """Whether it is within its limit, in a word."""
    return "ok" if value <= limit else "OVER"


def bench_discover(folder: Path, *, runs: int) -> None:
    """One service of ten thousand."""
    few, many = (store_of(folder, f"of-{count}", fleet(count, 1)) for count in (FEW, MANY))
    for words in (("discover", "service-00005", "-o", "url"), ("discover", "service-00005")):
        of_few, of_many = alternate((few, many), words, runs=runs)
        wall, cpu = (many / few for many, few in zip(of_many, of_few, strict=True))
        ratio = min(wall, cpu)
        print(
            f"{' '.join(words)}: {of_few.wall_s * 1000:.1f} ms of {FEW}, {of_many.wall_s * 1000:.1f} ms of {MANY}; "
            f"ratio {wall:.2f} wall, {cpu:.2f} cpu, limit {DISCOVER_LIMIT}: {verdict(ratio, DISCOVER_LIMIT)}"
        )


def bench_apply(folder: Path) -> Path:
    """The big manifest, in both forms; return a store that holds it."""
    document = fleet(SERVICE_COUNT, INSTANCES_EACH)
    for suffix, text in (("toml", toml_text(document)), ("json", json.dumps(document))):
        manifest = folder / f"fleet.{suffix}"
        manifest.write_text(text)
        store = new_store(folder, f"from-{suffix}")
        for which in ("new", "unchanged"):
            took_s = mgov(store, "apply", "-f", str(manifest)).wall_s
            print(
                f"apply of {SERVICE_COUNT} services, {SERVICE_COUNT * INSTANCES_EACH} instances, {suffix}, {which}: "
                f"{took_s:.2f} s, limit {APPLY_LIMIT_S:g}: {verdict(took_s, APPLY_LIMIT_S)}"
            )
    return store


def bench_lists(folder: Path, big: Path, *, runs: int) -> None:
    """What lists the whole fleet."""
    empty = new_store(folder, "empty")
    for words in (("services",), ("stats",)):
        of_empty, of_big = alternate((empty, big), words, runs=runs)
        beyond_s = of_big.wall_s - of_empty.wall_s
        print(
            f"{words[0]} over it: {beyond_s:.3f} s beyond {of_empty.wall_s:.3f} s of start-up, limit {LIST_LIMIT_S}: "
            f"{verdict(beyond_s, LIST_LIMIT_S)}"
        )


def woven_fleet() -> dict[str, Any]:
    """The big fleet, each service needing up to three of those before it by a fixed lot, in domains, with checks."""
    document = fleet(SERVICE_COUNT, INSTANCES_EACH)
    lot = random.Random(7)
    names = list(document["services"])
    for i, name in enumerate(names):
        service = document["services"][name]
        service["domain"] = f"domain-{i % DOMAINS}"
        service["title"] = f"The service of number {i}"
        service["dependencies"] = sorted({lot.choice(names[:i]) for _ in range(lot.randrange(4))}) if i else []
        for instance in service["instances"][1:]:
            instance["health"] = "/health"
    return document


def bench_whole(folder: Path, *, runs: int) -> None:
    """What looks at the whole fleet at once."""
    one, big = store_of(folder, "one", fleet(1, 2)), store_of(folder, "woven", woven_fleet())
    page = folder / "fleet.html"
    for words, limit_s in ((("audit",), AUDIT_LIMIT_S), (("report", "--out", str(page)), REPORT_LIMIT_S)):
        of_one, of_big = alternate((one, big), words, runs=runs)
        beyond_s = of_big.wall_s - of_one.wall_s
        print(
            f"{words[0]} of {SERVICE_COUNT} services, {SERVICE_COUNT * INSTANCES_EACH} instances: {beyond_s:.3f} s "
            f"beyond {of_one.wall_s:.3f} s for one service, limit {limit_s}: {verdict(beyond_s, limit_s)}"
        )
    size_bytes = page.stat().st_size
    print(f"the page has {size_bytes} bytes, limit {REPORT_LIMIT_BYTES}: {verdict(size_bytes, REPORT_LIMIT_BYTES)}")


def chains(count: int, here: int, gone: int) -> dict[str, Any]:
    """A manifest of `count` chains: of each, the last service has instances on a port where nobody listens."""
    services: dict[str, Any] = {}
    for i in range(count * CHAIN):
        is_last = i % CHAIN == CHAIN - 1
        instances = [
            {"id": f"i-{j}", "url": f"tcp://127.0.0.1:{gone if is_last else here}", "health": "tcp"}
            for j in range(INSTANCES_EACH)
        ]
        needs = [] if is_last else [f"service-{i + 1:05}"]
        services[f"service-{i:05}"] = {"dependencies": needs, "instances": instances}
    return {"services": services}


def take_all(listener: socket.socket) -> None:
    """Take every connection and close it."""
    with suppress(OSError):
        while True:
            listener.accept()[0].close()


def bench_overview(folder: Path, *, runs: int) -> None:
    """What joins all that is known."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        threading.Thread(target=take_all, args=(listener,), daemon=True).start()
        stores = []
        for count in (1, SERVICE_COUNT // CHAIN):
            ports = listener.getsockname()[1], closed.getsockname()[1]
            stores.append(store_of(folder, f"chains-{count}", chains(count, *ports)))
            mgov(stores[-1], "health", ends_with=(1,))
        listener.shutdown(socket.SHUT_RDWR)
    for words in (("status",), ("status", "-o", "json"), ("why", "service-00000")):
        of_few, of_big = alternate(stores, words, runs=runs)
        beyond_s = of_big.wall_s - of_few.wall_s
        print(
            f"{' '.join(words)} over as many, looked at: {beyond_s:.3f} s beyond {of_few.wall_s:.3f} s of start-up, "
            f"limit {LIST_LIMIT_S}: {verdict(beyond_s, LIST_LIMIT_S)}"
        )


def main() -> None:
    """Run the benchmark as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mgov-bench-") as name:
        folder = Path(name)
        bench_lists(folder, bench_apply(folder), runs=chosen.runs)
        bench_whole(folder, runs=chosen.runs)
        bench_overview(folder, runs=chosen.runs)
        bench_discover(folder, runs=chosen.runs)


if __name__ == "__main__":
    main()
