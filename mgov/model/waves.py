"""In which order to deploy: waves, each of which needs only earlier ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from mgov.model.graph import Graph


def ranks(graph: Graph, among: Collection[str] | None = None) -> dict[str, int]:
    """For each node the longest way down, counted in the nodes of `among` [all] that it passes.

    0 needs none of them, n needs one of rank n - 1, directly or not. The members of a cycle share one rank.
    """
    counted = set(graph.nodes if among is None else among)
    rank_of: dict[str, int] = {}
    counts: dict[str, bool] = {}
    for component in graph.components():
        below = [
            rank_of[target] + counts[target]
            for name in component
            for target in graph.targets(name)
            if target in rank_of
        ]
        rank = max(below, default=0)
        is_counted = not counted.isdisjoint(component)
        for name in component:
            rank_of[name] = rank
            counts[name] = is_counted
    return rank_of


def waves(graph: Graph, among: Collection[str] | None = None) -> list[tuple[str, ...]]:
    """The nodes of `among` [all] by rank: each needs earlier ones, through whatever lies between, and in a cycle also
    some of its own wave."""
    wanted = set(graph.nodes if among is None else among).intersection(graph.nodes)
    found: list[list[str]] = []
    for name, rank in sorted(ranks(graph, wanted).items(), key=lambda item: (item[1], item[0])):
        if name in wanted:
            if rank == len(found):
                found.append([])
            found[rank].append(name)
    return [tuple(wave) for wave in found]
