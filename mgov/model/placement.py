"""Where nodes stand within their layers: near what they are joined to, never closer to each other than they may.

Layer by layer, down and up again, each node wants to stand at the weighted mean of its neighbours; the places nearest
to these wishes in the given order are those of an isotonic regression, found by pooling adjacent violators (Barlow et
al. 1972). Pieces of long edges pull harder than others, as in dot (Gansner et al. 1993), so that these run straight.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.model.layering import Layered

Wish = tuple[float, list[tuple[int, float]]]         # how hard a node is pulled, and its neighbours with their shares

NODE_GAP, BEND_GAP = 26.0, 11.0
SWEEPS = 100
STRAIGHT_PULL, END_PULL, PULL = 30.0, 3.0, 1.0      # of an edge between two bends, at one, between boxes
SETTLED = 0.25                                      # a sweep that moves nothing further is the last


def place(graph: Layered, layers: Sequence[Sequence[int]], widths: Sequence[float]) -> list[float]:
    """The horizontal centre of each node; `widths` has 0 for a bend. No two of one layer come closer than the gaps."""
    offsets = [_offsets(layer, widths, graph.real_count) for layer in layers]
    x = [0.0] * len(graph.up)
    for layer, offset in zip(layers, offsets, strict=True):
        for node, at in zip(layer, offset, strict=True):
            x[node] = at - offset[-1] / 2
    wishes = [_wish(graph, node) for node in range(len(graph.up))]
    numbers = list(range(len(layers)))
    for sweep in range(SWEEPS):
        moved = 0.0
        for number in numbers if sweep % 2 == 0 else reversed(numbers):
            moved = max(moved, _settle(layers[number], offsets[number], wishes, x))
        if moved < SETTLED:
            break
    return x


def _offsets(layer: Sequence[int], widths: Sequence[float], real_count: int) -> list[float]:
    """How far each node of a layer must at least be from the first."""
    steps = (
        (widths[left] + widths[right]) / 2 + (NODE_GAP if left < real_count and right < real_count else BEND_GAP)
        for left, right in pairwise(layer)
    )
    return list(accumulate(steps, initial=0.0))


def _wish(graph: Layered, node: int) -> Wish:
    near = [
        (other, (PULL, END_PULL, STRAIGHT_PULL)[(node >= graph.real_count) + (other >= graph.real_count)])
        for other in (*graph.up[node], *graph.down[node])
    ]
    total = sum(pull for _, pull in near)
    return total or PULL, [(other, pull / total) for other, pull in near] or [(node, 1.0)]


def _settle(
    layer: Sequence[int], offsets: Sequence[float], wishes: Sequence[Wish], x: list[float]
) -> float:
    """Put a layer's nodes as near to their wishes as the gaps allow; the furthest that one was moved."""
    pools: list[list[float]] = []                   # [weight, wish, count]: nodes that stand as close as they may
    for node, offset in zip(layer, offsets, strict=True):
        weight, near = wishes[node]
        wish = 0.0
        for other, share in near:
            wish += x[other] * share
        pools.append([weight, wish - offset, 1])
        while len(pools) > 1 and pools[-2][1] > pools[-1][1]:
            later, before = pools.pop(), pools[-1]
            total = before[0] + later[0]
            before[1] = (before[0] * before[1] + later[0] * later[1]) / total
            before[0] = total
            before[2] += later[2]
    moved, number = 0.0, 0
    for _, start, count in pools:
        for _ in range(int(count)):
            at = start + offsets[number]
            moved = max(moved, abs(at - x[layer[number]]))
            x[layer[number]] = at
            number += 1
    return moved
