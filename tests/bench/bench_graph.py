"""What the dependency graph of a large fleet costs, beside networkx, and what a picture costs.

    python tests/bench/bench_graph.py [--runs 5]

10,000 services with 50,000 dependencies. In this process, in turns: building the graph from its edges, and its
cycles (strongly connected components) or its order (waves of the condensed graph); the figure is the ratio of the
medians to networkx's, with the limit 1. What `graph cycles` finds beyond networkx, a shortest cycle of each component,
is timed by itself. Then whole processes over a store that
holds this fleet: `graph cycles` and `graph order` with the limit 2.5 s, `graph impact` of the service that most depend
on with the limit 1 s beyond start-up (the same command over an empty store's one service). `graph -o svg` of 40 and of
300 services: 0.5 s and 3 s beyond start-up.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx
from bench_fleet import environment, mgov, new_store, verdict

from mgov.cli.main import GC_THRESHOLD

SERVICE_COUNT, EDGE_COUNT = 10_000, 50_000
RATIO_LIMIT, PROCESS_LIMIT_S, IMPACT_LIMIT_S = 1.0, 2.5, 1.0
SVG_LIMITS_S = {40: 0.5, 300: 3.0}


def pairs_of(count: int, edge_count: int, *, seed: int, reach: int) -> list[tuple[str, str]]:
    """Dependencies that mostly lead to later services at most `reach` further, and one in 500 back."""
    draw = random.Random(seed)
    found: set[tuple[str, str]] = set()
    while len(found) < edge_count:
        source = draw.randrange(count)
        target = min(count - 1, source + 1 + int(draw.random() ** 2 * reach))
        if source != target:
            ends = (target, source) if draw.random() < 0.002 else (source, target)
            found.add((f"s{ends[0]:05}", f"s{ends[1]:05}"))
    return sorted(found)


def manifest_of(count: int, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """The fleet with these dependencies, an instance each."""
    services: dict[str, Any] = {
        f"s{n:05}": {
            "owner": f"team-{n % 20}",
            "version": f"1.{n}",
            "title": "订单服务",
            "dependencies": [],
            "instances": [{"url": f"http://10.0.{n // 250}.{n % 250 + 1}:80", "health": "none"}],
        }
        for n in range(count)
    }
    for source, target in pairs:
        services[source]["dependencies"].append(target)
    return {"services": services}


def alternately(runs: int, *functions: Callable[[], object]) -> list[float]:
    """The median seconds of each function, called in turns; one round warms up."""
    times: list[list[float]] = [[] for _ in functions]
    for turn in range(runs + 1):
        for kept, function in zip(times, functions, strict=True):
            began = time.perf_counter()
            function()
            if turn:
                kept.append(time.perf_counter() - began)
    return [statistics.median(kept) for kept in times]


def bench_against_networkx(pairs: list[tuple[str, str]], *, runs: int) -> None:
    """The same answers from both, then their times."""
    from mgov.model.cycles import find_cycles
    from mgov.model.graph import Edge, Graph
    from mgov.model.waves import waves

    edges = [Edge(*pair) for pair in pairs]

    def our_cycles() -> list[list[str]]:
        return [list(members) for members in Graph(edges).cycles()]

    def their_cycles() -> list[list[str]]:
        graph = networkx.DiGraph(pairs)
        return sorted(sorted(c) for c in networkx.strongly_connected_components(graph) if len(c) > 1)

    def our_order() -> list[list[str]]:
        return [list(wave) for wave in waves(Graph(edges))]

    def their_order() -> list[list[str]]:
        condensed = networkx.condensation(networkx.DiGraph(pairs))
        members = condensed.nodes(data="members")
        generations = networkx.topological_generations(condensed.reverse(copy=False))
        return [sorted(name for component in wave for name in members[component]) for wave in generations]

    graph = Graph(edges)
    (shortest_s,) = alternately(runs, lambda: find_cycles(graph))
    for what, ours, theirs in (("cycles", our_cycles, their_cycles), ("order", our_order, their_order)):
        assert ours() == theirs()
        our_s, their_s = alternately(runs, ours, theirs)
        print(
            f"{what} of {SERVICE_COUNT} services, {EDGE_COUNT} dependencies: {our_s * 1000:.0f} ms, networkx "
            f"{their_s * 1000:.0f} ms; ratio {our_s / their_s:.2f}, limit {RATIO_LIMIT:g}: "
            f"{verdict(our_s / their_s, RATIO_LIMIT)}"
        )
    print(f"its components with a shortest cycle of each, the graph being there: {shortest_s * 1000:.0f} ms")


def took_s(store: Path, *words: str, runs: int) -> float:
    """The median wall time of one command as a whole process; its exit status may say that there are cycles."""
    command = [sys.executable, "-m", "mgov", *words, "--quiet", "--store", str(store)]

    def once() -> None:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment())
        if done.returncode > 1:
            sys.exit(f"{' '.join(words)} ended with {done.returncode}: {done.stderr.decode()}")

    return alternately(runs, once)[0]


def store_with(folder: Path, name: str, count: int, pairs: list[tuple[str, str]]) -> Path:
    """A store that holds this fleet."""
    store = new_store(folder, name)
    manifest = folder / f"{name}.json"
    manifest.write_text(json.dumps(manifest_of(count, pairs)))
    mgov(store, "apply", "-f", str(manifest))
    return store


def main() -> None:
    """Run the benchmark as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    gc.set_threshold(GC_THRESHOLD)                  # as in a command; the same for both
    pairs = pairs_of(SERVICE_COUNT, EDGE_COUNT, seed=7, reach=2_000)
    bench_against_networkx(pairs, runs=runs)
    with tempfile.TemporaryDirectory(prefix="mgov-bench-") as name:
        folder = Path(name)
        one = store_with(folder, "one", 1, [])
        big = store_with(folder, "big", SERVICE_COUNT, pairs)
        for question in ("cycles", "order"):
            whole_s = took_s(big, "graph", question, runs=runs)
            word = verdict(whole_s, PROCESS_LIMIT_S)
            print(f"graph {question}: {whole_s:.2f} s, limit {PROCESS_LIMIT_S:g} s: {word}")
        wanted = networkx.DiGraph(pairs)
        hub = max(wanted, key=wanted.in_degree)
        least_s = took_s(one, "graph", "impact", "s00000", runs=runs)
        beyond_s = took_s(big, "graph", "impact", hub, runs=runs) - least_s
        print(f"graph impact: {beyond_s:.2f} s beyond {least_s:.2f} s, limit {IMPACT_LIMIT_S:g} s: "
              f"{verdict(beyond_s, IMPACT_LIMIT_S)}")
        for count, limit_s in SVG_LIMITS_S.items():
            store = store_with(folder, f"of-{count}", count, pairs_of(count, count * 2, seed=3, reach=count // 4))
            beyond_s = took_s(store, "graph", "-o", "svg", runs=runs) - least_s
            print(f"graph -o svg of {count}: {beyond_s:.2f} s beyond {least_s:.2f} s, limit {limit_s:g} s: "
                  f"{verdict(beyond_s, limit_s)}")


if __name__ == "__main__":
    main()
