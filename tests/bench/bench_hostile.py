"""A sweep of 10,000 hosts of which one in a hundred is hostile, against the same sweep without them.

    python tests/bench/bench_hostile.py [--runs 5] [--hosts 10000] [--deadline-s 2] [--contender now|cli]

One nginx answers for the good ones. The hostile ones, evenly among them, are a process of their own: silent, a byte
every 0.2 s, a body or headers without end, a gzip bomb, garbage, and a reset. Both sweeps are whole processes and
alternate. What the hostile ones may cost is one deadline and a tenth of the sweep; a hostile one alone, a twentieth
of its deadline. `cli` is `mgov health -o jsonl` over a store that was swept once before.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench_sweep import ROOT, addresses, cli_command, environment, nginx, run_once

from mgov.net.sweep import Target, sweep_now

HOSTILE = ("/silence", "/drip-slowly", "/endless-chunks", "/endless-headers", "/bomb", "/garbage", "/reset")
MOST_RATIO, MOST_ALONE_RATIO, MOST_MB = 1.1, 1.05, 150
SERVER = """
import sys
from hostile import HostileServer
server = HostileServer("0.0.0.0")
print(server.port, flush=True)
sys.stdin.read()
server.close()
"""
ENGINE = """
import sys
from mgov.net.sweep import Target, sweep_now
with open(sys.argv[1]) as lines:
    targets = [Target(line.rstrip(), float(sys.argv[2])) for line in lines]
print(*[one.error or one.status_code for one in sweep_now(targets)])
"""


@contextlib.contextmanager
def hostile_server() -> Iterator[int]:
    """The port of the hostile server, on every loopback address."""
    where = {**environment(), "PYTHONPATH": f"{ROOT / 'tests' / 'net'}:{ROOT}"}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=where
    )
    with process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


def alone(port: int, deadline_s: float) -> None:
    """Print what each hostile endpoint costs by itself, as a share of its deadline."""
    for path in HOSTILE:
        began = time.perf_counter()
        [seen] = sweep_now([Target(f"http://127.0.0.1:{port}{path}", deadline_s)])
        share = (time.perf_counter() - began) / deadline_s
        print(f"  alone {path:17} {share:6.3f} of its deadline (at most {MOST_ALONE_RATIO})  {seen.detail[:60]}")


def command(folder: Path, urls: list[str], deadline_s: float, contender: str) -> list[str]:
    """One sweep of `urls` in a process of its own."""
    folder.mkdir()
    if contender == "cli":
        return [*cli_command(folder, urls), "--timeout", f"{deadline_s}s"]
    listed = folder / "urls.txt"
    listed.write_text("".join(f"{url}\n" for url in urls))
    return [sys.executable, "-c", ENGINE, str(listed), str(deadline_s)]


def main() -> None:
    """Run the benchmark as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--deadline-s", type=float, default=2.0)
    parser.add_argument("--contender", choices=("now", "cli"), default="now")
    chosen = parser.parse_args()
    deadline_s = chosen.deadline_s
    with tempfile.TemporaryDirectory(prefix="mgov-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        port = stack.enter_context(nginx(folder, keepalive_s=75))
        bad_port = stack.enter_context(hostile_server())
        alone(bad_port, deadline_s)
        hosts = addresses(chosen.hosts)
        good = [f"http://{host}:{port}/health" for host in hosts]
        mixed = [
            f"http://{host}:{bad_port}{HOSTILE[i // 100 % len(HOSTILE)]}" if i % 100 == 50 else good[i]
            for i, host in enumerate(hosts)
        ]
        kept = [url for i, url in enumerate(good) if i % 100 != 50]
        commands = [command(folder / kind, urls, deadline_s, chosen.contender)
                    for kind, urls in (("good", kept), ("mixed", mixed))]
        took_s: tuple[list[float], list[float]] = ([], [])
        peak_kib = 0
        for _ in range(chosen.runs):
            for which, argv in enumerate(commands):
                took, rss_kib = run_once(argv, folder / f"{which}.out", may_end_with=(0, 1))
                took_s[which].append(took)
                peak_kib = max(peak_kib, rss_kib)
        without_s, with_s = map(statistics.median, took_s)
        print(f"{chosen.contender}: {chosen.hosts} hosts, deadline {deadline_s} s, {chosen.runs} runs, alternating")
        for words, runs in (("without", took_s[0]), ("with", took_s[1])):
            print(f"{words:8} {statistics.median(runs):.3f} s  (" + " ".join(f"{one:.2f}" for one in runs) + ")")
        print(f"ratio less one deadline {(with_s - deadline_s) / without_s:.2f} (at most {MOST_RATIO})  "
              f"peak memory {peak_kib / 1024:.0f} MB (at most {MOST_MB})")


if __name__ == "__main__":
    main()
