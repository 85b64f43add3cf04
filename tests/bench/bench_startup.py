"""How long commands take beside bare Python: the installed `mgov`, in a virtual environment of its own, alternating.

    python tests/bench/bench_startup.py [--runs 21] [--only discover,heartbeat] [--strict]

Each command is run in turn with `python -c pass` of the same environment. Two ratios of medians are printed: of the
wall clock, and of the processor's time (user and system), which other work on the machine disturbs less. A command is
over its limit when both are; --strict then ends with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
HOT, PLAIN, HELP = 2.5, 8.0, 14.0
WARM_UP_RUNS = 2
COMPOSED_COUNT = 68                             # services in the compose file that is imported

# limit, words. The one instance of orders opts out of checks, so that discover has nothing to wait for; the one of
# payments is a real socket here that takes connections.
COMMANDS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (HOT, ("discover", "orders", "-o", "url")),
    (HOT, ("heartbeat", "worker", "worker-1")),
    (HOT, ("heartbeat", "worker")),
    (HOT, ("config", "get", "orders", "db.port")),
    (HOT, ("config", "get", "orders", "db.port", "-e", "prod")),
    (HOT, ("breaker", "check", "orders")),
    (PLAIN, ("version",)),
    (PLAIN, ("services",)),
    (PLAIN, ("instances",)),
    (PLAIN, ("show", "orders")),
    (PLAIN, ("stats",)),
    (PLAIN, ("export",)),
    (PLAIN, ("discover", "orders")),
    (PLAIN, ("register", "orders", "http://127.0.0.1:8080", "--health", "none")),
    (PLAIN, ("call", "orders/items", "--dry-run")),
    (PLAIN, ("diff", "-f", "fleet.toml")),
    (PLAIN, ("apply", "-f", "fleet.toml")),
    (PLAIN, ("health", "payments")),
    (PLAIN, ("import", "compose", "compose.json")),
    (PLAIN, ("import", "compose", "compose.yml")),          # PyYAML alone is 0.7 of bare Python
    (PLAIN, ("store", "info")),
    (PLAIN, ("config", "get", "orders")),
    (PLAIN, ("config", "set", "orders", "db.port=5432")),
    (PLAIN, ("config", "history", "orders")),
    (PLAIN, ("breaker", "show", "orders")),
    (PLAIN, ("breaker", "record", "orders", "success")),
    (HELP, ("--help",)),
    (HELP, ("register", "--help")),
    (HELP, ("health", "--help")),
    (HELP, ("help", "exit-codes")),
)


class Cost(NamedTuple):
    """One process: what passed on the wall, and what it used of the processor, in seconds."""

    wall_s: float
    cpu_s: float


def install(folder: Path) -> Path:
    """A virtual environment with mgov as pip installs it; return its bin folder."""
    venv.create(folder / "venv", with_pip=True)
    bin_folder = folder / "venv" / "bin"
    subprocess.run(
        [bin_folder / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", f"{ROOT}[yaml]"],
        check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return bin_folder


def prepare(mgov: Path, folder: Path, environ: dict[str, str], port: int) -> None:
    """A store with what the commands speak of."""
    for words in (
        ("init", environ["MGOV_STORE"]),
        ("register", "orders", "http://127.0.0.1:8080", "--health", "none"),
        ("register", "payments", f"http://127.0.0.1:{port}", "--health", "tcp"),
        ("register", "worker", "--id", "worker-1", "--ttl", "1h"),
        ("heartbeat", "worker"),
        ("config", "set", "orders", "-e", "base", "log.level=info"),
        ("config", "set", "orders", "db.port=5432"),
        ("config", "set", "orders", "db.port=5433", "-e", "prod"),
    ):
        subprocess.run([mgov, *words], check=True, env=environ, cwd=folder, stdout=subprocess.DEVNULL)
    services = {f"service-{i}": {"image": f"shop/service-{i}:1.{i}", "restart": "always", "ports": [f"{20000 + i}:80"]}
                for i in range(COMPOSED_COUNT)}
    for name in ("compose.json", "compose.yml"):            # JSON is YAML too, and is read as what its name says
        (folder / name).write_text(json.dumps({"services": services}, indent=1), encoding="utf-8")
    with open(folder / "fleet.toml", "wb") as manifest:
        subprocess.run([mgov, "export"], check=True, env=environ, cwd=folder, stdout=manifest)


def run_once(command: Sequence[str | Path], folder: Path, environ: dict[str, str]) -> Cost:
    """The cost of one process with its output in a file; end the benchmark when it fails."""
    with open(folder / "out.txt", "wb") as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environ, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}: {(folder / 'out.txt').read_text()}")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime)


def ratios(ours: list[Cost], bare: list[Cost]) -> Cost:
    """The ratios of the medians."""
    return Cost(*(
        statistics.median(one[i] for one in ours) / statistics.median(one[i] for one in bare) for i in range(2)
    ))


def environment(folder: Path) -> dict[str, str]:
    """This process's environment without what would speak to Python or mgov."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "MGOV_"))}
    return {**kept, "MGOV_STORE": str(folder / "store"), "HOME": str(folder)}


def main() -> int:
    """Run the benchmark as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--only", default="", help="commands whose first word is one of these, comma-separated")
    parser.add_argument("--strict", action="store_true", help="end with 1 when a command is over its limit")
    chosen = parser.parse_args()
    wanted = [word for word in chosen.only.split(",") if word]
    over = 0
    listening = socket.create_server(("127.0.0.1", 0), backlog=4 * (WARM_UP_RUNS + chosen.runs))
    with tempfile.TemporaryDirectory(prefix="mgov-bench-") as name, listening:
        folder = Path(name)
        bin_folder, environ = install(folder), environment(folder)
        mgov, bare = bin_folder / "mgov", [bin_folder / "python", "-c", "pass"]
        prepare(mgov, folder, environ, listening.getsockname()[1])
        print(f"{'command':42} {'wall':>6} {'cpu':>6} {'limit':>6}   {'ms':>6} {'bare':>6}   {chosen.runs} runs each")
        for limit, words in COMMANDS:
            if wanted and words[0] not in wanted:
                continue
            costs: tuple[list[Cost], list[Cost]] = ([], [])
            for turn in range(WARM_UP_RUNS + chosen.runs):
                for kept, command in zip(costs, ([mgov, *words], bare), strict=True):
                    cost = run_once(command, folder, environ)
                    if turn >= WARM_UP_RUNS:
                        kept.append(cost)
            ratio = ratios(*costs)
            is_over = min(ratio) > limit
            over += is_over
            ms = [statistics.median(cost.wall_s for cost in kept) * 1000 for kept in costs]
            shown = "mgov " + " ".join(words)
            print(
                f"{shown[:42]:42} {ratio.wall_s:6.2f} {ratio.cpu_s:6.2f} {limit:6.1f}   {ms[0]:6.1f} {ms[1]:6.1f}"
                f"{'   OVER' if is_over else ''}",
                flush=True,
            )
    return 1 if over and chosen.strict else 0


if __name__ == "__main__":
    sys.exit(main())
