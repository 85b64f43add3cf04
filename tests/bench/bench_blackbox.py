"""Probes a second of the sweep against those of a blackbox_exporter that wrk keeps busy, over the same nginx.

    python tests/bench/bench_blackbox.py [--runs 5] [--hosts 5000] [--seconds 4] [--contender now|cli]

wrk asks the exporter for one probe after the other of the same list of hosts, over as many kept-alive connections as
told; what counts is its answers a second, each of which must say that the probe succeeded. Ours are whole processes,
start-up included. The exporter uses every core, ours one; both share them with nginx.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench_sweep import addresses, cli_command, engine_command, nginx, run_once, wait_until_up

AT_LEAST_RATIO = 3.0
CONFIG = """
modules:
  http_2xx: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}
"""
ASKING = """
local at, failed = 0, 0
request = function()
  at = at % #targets + 1
  return wrk.format("GET", "/probe?module=http_2xx&target=" .. targets[at])
end
response = function(status, headers, body)
  if status ~= 200 or not body:find("probe_success 1", 1, true) then
    print("failed: " .. status)
    wrk.thread:stop()
  end
end
"""


@contextlib.contextmanager
def exporter(folder: Path, port: int) -> Iterator[None]:
    """A blackbox_exporter on `port` of 127.0.0.1."""
    config = folder / "blackbox.yml"
    config.write_text(CONFIG)
    process = subprocess.Popen(
        ["prometheus-blackbox-exporter", f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
         "--log.level=error"], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until_up(port)
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)


def exporter_rate(script: Path, port: int, *, seconds: int, connections: int) -> float:
    """Probes a second of the exporter, as wrk counts them."""
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)
    if rate is None or "failed" in done.stdout or "Socket errors" in done.stdout:
        sys.exit(f"the exporter failed:\n{done.stdout}")
    return float(rate[1])


def main() -> None:
    """Run the benchmark as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--hosts", type=int, default=5000)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--contender", choices=("now", "cli"), default="now")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mgov-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        port = stack.enter_context(nginx(folder, keepalive_s=75))
        exporter_port = port + 1 if port < 65_535 else port - 1
        stack.enter_context(exporter(folder, exporter_port))
        urls = [f"http://{address}:{port}/health" for address in addresses(chosen.hosts)]
        script = folder / "ask.lua"
        script.write_text("targets = {" + ",".join(f'"{url}"' for url in urls) + "}" + ASKING)
        argv = cli_command(folder, urls) if chosen.contender == "cli" else engine_command(folder, urls, "now")
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(chosen.runs):
            ours.append(chosen.hosts / run_once(argv, folder / "ours.out")[0])
            theirs.append(
                exporter_rate(script, exporter_port, seconds=chosen.seconds, connections=chosen.connections)
            )
        print(f"{chosen.contender}: {chosen.hosts} hosts, {chosen.runs} runs each, alternating")
        for words, rates in (("mgov", ours), ("blackbox_exporter", theirs)):
            print(f"{words:17} {statistics.median(rates):7.0f} probes/s  (" + " ".join(f"{r:.0f}" for r in rates) + ")")
        print(f"ratio {statistics.median(ours) / statistics.median(theirs):.2f} (at least {AT_LEAST_RATIO})")


if __name__ == "__main__":
    main()
