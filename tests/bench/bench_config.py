"""What a configuration costs as its versions grow: reading one key, making one more version, watching for the next.

    python tests/bench/bench_config.py [--runs 21] [--versions 10000] [--idle-s 10]

`config get SERVICE KEY` runs in turn in an environment with one version, in one with many, and as `python -c pass`; the
ratio of many to one should be 1. Then versions are made in one process, each a change of one key of 16. At last
`config watch` follows the many: how long after a set its line is there, and what it costs of a core while nothing
changes (where /proc says so), beside a bare Python that polls one file's time as often.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import random

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mgov import Platform  # noqa: E402 - the tree beside this file, not an installed copy
from mgov.governance.following import POLL_S  # noqa: E402
from mgov.store import versions  # noqa: E402

BARE_WATCH = "import os, time\nwhile True:\n    os.stat({path!r})\n    time.sleep(0.2)"
START_S = 2.0                                   # until both watchers have begun
CHANGES = 50
WARM_UP_RUNS = 2
SETS = 200


def prepare(path: str, count: int) -> None:
    """An environment `one` with one version, and `many` with `count`, as so many sets would have left it."""
    with Platform.open(path) as platform:
        for environment in ("one", "many"):
            platform.configs.set("orders", {"db.port": 5432, "db.host": "db-1"}, environment=environment)
        value = dict(platform.store.read("config/orders/many/000001").value)  # type: ignore[union-attr]
    for number in range(2, count + 1):
        value["version"] = {**value["version"], "number": number}
        data = versions.to_bytes(f"config/orders/many/{number:06d}", value, number)
        Path(path, "configs", "orders", "many", f"{number:06d}.toml").write_bytes(data)


def median_ms(command: list[str], runs: int, environ: dict[str, str]) -> float:
    """The median wall clock of a process, in milliseconds."""
    costs = []
    for _ in range(WARM_UP_RUNS + runs):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environ)
        costs.append((time.perf_counter() - began) * 1000)
    return statistics.median(costs[WARM_UP_RUNS:])


def watch(path: str, environ: dict[str, str], idle_s: float) -> None:
    """Print what `config watch` costs and how late it is."""
    command = [sys.executable, "-m", "mgov", "config", "watch", "orders", "-e", "many", "-o", "jsonl"]
    bare = [sys.executable, "-c", BARE_WATCH.format(path=path)]
    late = []
    with (
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as watcher,
        subprocess.Popen(bare) as beside,
        Platform.open(path) as platform,
    ):
        assert watcher.stdout is not None
        time.sleep(START_S)
        for number in range(CHANGES):
            time.sleep(random() * POLL_S)       # at no fixed moment between two looks
            platform.configs.set("orders", {"watched": number}, environment="many")
            began = time.perf_counter()
            watcher.stdout.readline()
            late.append((time.perf_counter() - began) * 1000)
        before = [cpu_s(process.pid) for process in (watcher, beside)]
        time.sleep(idle_s)
        after = [cpu_s(process.pid) for process in (watcher, beside)]
        for process in (watcher, beside):
            process.terminate()
    print(f"watch sees a set after               {statistics.median(late):7.1f} ms, at most {max(late):.1f} ms")
    if None not in before:
        ours, bare_share = ((b - a) / idle_s * 100 for a, b in zip(before, after, strict=True))  # type: ignore[operator]
        print(f"watch while nothing changes          {ours:7.2f} % of a core   bare Python {bare_share:.2f} %")


def cpu_s(pid: int) -> float | None:
    """The processor time that a process has used, None where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run the benchmark as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--idle-s", type=float, default=10.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mgov-bench-") as folder:
        path, _ = Platform.create(Path(folder, "store"))
        prepare(path, chosen.versions)
        environ = {**os.environ, "MGOV_STORE": path, "HOME": folder, "XDG_CACHE_HOME": folder, "PYTHONPATH": str(ROOT)}
        launcher = [sys.executable, str(ROOT / "mgov" / "__main__.py"), "config", "get", "orders", "db.port", "-e"]
        bare = median_ms([sys.executable, "-c", "pass"], chosen.runs, environ)
        one = median_ms([*launcher, "one"], chosen.runs, environ)
        many = median_ms([*launcher, "many"], chosen.runs, environ)
        print(f"config get of one key, 1 version        {one:7.1f} ms   {one / bare:5.2f} x bare Python, {bare:.1f} ms")
        print(f"config get of one key, {chosen.versions:6} versions  {many:7.1f} ms   {many / one:5.2f} x one version")
        with Platform.open(path) as platform:
            for environment in ("new", "many"):
                began = time.perf_counter()
                for number in range(SETS):
                    platform.configs.set("orders", {f"key{number % 16}": number}, environment=environment)
                each = (time.perf_counter() - began) * 1000 / SETS
                print(f"set, environment {environment:6}                 {each:7.1f} ms each, {SETS} in one process")
        watch(path, environ, chosen.idle_s)


if __name__ == "__main__":
    main()
