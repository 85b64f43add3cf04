"""A sweep of 5,000 distinct hosts against `curl -s -Z` over the same list: whole processes, alternating.

    python tests/bench/bench_sweep.py [--runs 7] [--hosts 5000] [--contender now|async|cli] [--keepalive-s 0]

One nginx answers for all of 127.0.0.0/8. The contender `now` is the engine alone, `async` the engine on the event
loop, `cli` is `mgov health -o jsonl` to a file over a store of 50 services with equally many instances, swept once
before, so that what is timed is the quiet sweep. The figure that counts is the ratio of the medians. Against an nginx
that keeps connections alive, as it does unless told otherwise, curl is slower, for it keeps thousands of them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICE_COUNT = 50
CURL_PARALLEL = 200

NGINX_CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_timeout {keepalive_s};
  keepalive_requests 10000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 0.0.0.0:{port} backlog=4096;
    allow 127.0.0.0/8;
    deny all;
    location / {{ return 200 "ok\\n"; }}
  }}
}}
"""

ENGINE = """
import sys
from mgov.net.sweep import Target, sweep, sweep_now
with open(sys.argv[1]) as lines:
    targets = [Target(line.rstrip()) for line in lines]
if sys.argv[2] == "now":
    seen = sweep_now(targets)
else:
    from mgov.net.loop import run
    seen = run(sweep(targets))
with open(sys.argv[3], "w") as out:
    for target, one in zip(targets, seen):
        out.write(f"{target.url} {one.status_code} {one.total_ms}\\n")
sys.exit(sum(one.status_code != 200 for one in seen) > 0)
"""


def addresses(count: int) -> list[str]:
    """`count` distinct loopback addresses."""
    return [f"127.{1 + i // 62_500}.{i // 250 % 250 + 1}.{i % 250 + 1}" for i in range(count)]


@contextlib.contextmanager
def nginx(folder: Path, *, keepalive_s: int) -> Iterator[int]:
    """An nginx on a free port of every loopback address, and of nothing else that is let in."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not os.access(program, os.X_OK):
        sys.exit("nginx is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "nginx.conf"
    config.write_text(NGINX_CONFIG.format(folder=folder, port=port, keepalive_s=keepalive_s))
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        wait_until_up(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait_until_up(port: int) -> None:
    """Return when nginx answers, at most 10 s from now."""
    end = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                return
        except OSError:
            if time.monotonic() > end:
                sys.exit("nginx did not start")
            time.sleep(0.05)


def curl_command(folder: Path, urls: list[str]) -> list[str]:
    """curl over `urls`, everything it reads thrown away."""
    config = folder / "curl.txt"
    config.write_text("".join(f"url={url}\noutput=/dev/null\n" for url in urls))
    return ["curl", "-s", "-Z", "--parallel-max", str(CURL_PARALLEL), "-K", str(config)]


def engine_command(folder: Path, urls: list[str], driver: str) -> list[str]:
    """The engine alone, in a process of its own."""
    listed = folder / "urls.txt"
    listed.write_text("".join(f"{url}\n" for url in urls))
    return [sys.executable, "-c", ENGINE, str(listed), driver, str(folder / "measured.txt")]


def cli_command(folder: Path, urls: list[str]) -> list[str]:
    """`mgov health -o jsonl` over a store that has been swept once."""
    store = folder / "store"
    mgov = [sys.executable, "-m", "mgov", "-S", str(store)]
    services: dict[str, dict[str, list[dict[str, str]]]] = {}
    for i, url in enumerate(urls):
        of_service = services.setdefault(f"service-{i % SERVICE_COUNT}", {"instances": []})
        base, _, path = url.rpartition("/")
        of_service["instances"].append({"url": base, "health": f"/{path}"})
    manifest = folder / "fleet.json"
    manifest.write_text(json.dumps({"services": services}))
    for command in (
        [sys.executable, "-m", "mgov", "init", str(store)],
        [*mgov, "apply", "-f", str(manifest)],
    ):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment())
    run_once([*mgov, "health", "-o", "jsonl"], folder / "first.out", may_end_with=(0, 1))
    return [*mgov, "health", "-o", "jsonl"]


def environment() -> dict[str, str]:
    """This process's environment, with mgov's source to be found."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run_once(command: list[str], out: Path, *, may_end_with: tuple[int, ...] = (0,)) -> tuple[float, int]:
    """(seconds, peak resident KiB) of one process; what it prints goes to a file."""
    with out.open("wb") as stdout:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL, env=environment())
        _, status, usage = os.wait4(process.pid, 0)
        took_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in may_end_with:
        sys.exit(f"{command[0]} ended with {process.returncode}")
    return took_s, usage.ru_maxrss if sys.platform != "darwin" else usage.ru_maxrss // 1024


def compare(contender: list[str], curl: list[str], folder: Path, *, runs: int) -> float:
    """Alternate both `runs` times, print medians and peak memory, return the ratio of the medians."""
    ours: list[float] = []
    theirs: list[float] = []
    peak_kib = 0
    for _ in range(runs):
        took_s, rss_kib = run_once(contender, folder / "ours.out")
        ours.append(took_s)
        peak_kib = max(peak_kib, rss_kib)
        theirs.append(run_once(curl, folder / "curl.out")[0])
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"mgov {statistics.median(ours):.3f} s  (" + " ".join(f"{one:.2f}" for one in ours) + ")")
    print(f"curl {statistics.median(theirs):.3f} s  (" + " ".join(f"{one:.2f}" for one in theirs) + ")")
    print(f"ratio {ratio:.2f}  peak memory {peak_kib / 1024:.0f} MB")
    return ratio


def main() -> None:
    """Run the benchmark as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--hosts", type=int, default=5000)
    parser.add_argument("--contender", choices=("now", "async", "cli"), default="now")
    parser.add_argument("--keepalive-s", type=int, default=75, help="nginx's own default is 75; 0 is kindest to curl")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mgov-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        port = stack.enter_context(nginx(folder, keepalive_s=chosen.keepalive_s))
        urls = [f"http://{address}:{port}/health" for address in addresses(chosen.hosts)]
        if chosen.contender == "cli":
            contender = cli_command(folder, urls)
        else:
            contender = engine_command(folder, urls, chosen.contender)
        curl = curl_command(folder, urls)
        print(f"{chosen.contender}: {chosen.hosts} hosts, {chosen.runs} runs each, alternating")
        compare(contender, curl, folder, runs=chosen.runs)


if __name__ == "__main__":
    main()
