"""The order of nodes within their layers, so that few edges cross: medians (Gansner, Koutsofios, North and Vo 1993) and
barycentres (Sugiyama, Tagawa and Toda 1981) in turns, each followed by transposition, from several starts; then each
node is sifted to the best of all places in its layer (Matuszewski, Schoenfeld and Molitor 1999). Crossings are counted
with a tree of sums (Barth, Juenger and Mutzel 2004)."""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgov.model.layering import Layered

SWEEPS = 24
PATIENCE = 6                                    # sweeps without a better order, until it gives up
FEW_NODES = 3_000                               # above, bends included, each sweep is long: fewer of them
SIFTED_NODES = 2_000                            # up to so many, two starts are tried, and nodes are sifted
TRIED_NODES = 500                               # up to so many, all eight starts are tried
SIFTINGS = 2


def order_layers(graph: Layered) -> list[list[int]]:
    """The layers with their nodes in a good order; the same for the same graph."""
    count = len(graph.up)
    starts = list(product((False, True), repeat=3))
    if count > TRIED_NODES:
        starts = [starts[0], starts[1]] if count <= SIFTED_NODES else starts[:1]
    best, fewest = _swept(graph, _initial(graph, *starts[0]))
    for start in starts[1:]:
        layers, crossings = _swept(graph, _initial(graph, *start))
        if crossings < fewest:
            best, fewest = layers, crossings
    if fewest and count <= SIFTED_NODES:
        _sift(best, graph)
    return best


def _swept(graph: Layered, best: list[list[int]]) -> tuple[list[list[int]], int]:
    """The best order that sweeps from `best` on come by, and its crossings."""
    layers = [list(layer) for layer in best]
    fewest = count_crossings(layers, graph.down)
    idle = 0
    for sweep in range(SWEEPS if len(graph.up) <= FEW_NODES else SWEEPS // 4):
        if fewest == 0 or idle == PATIENCE:
            break
        _sweep(layers, graph, is_downward=sweep % 2 == 0, weigh=_median if sweep % 4 < 2 else _mean)
        _transpose(layers, graph)
        crossings = count_crossings(layers, graph.down)
        idle += 1
        if crossings < fewest:
            best, fewest, idle = [list(layer) for layer in layers], crossings, 0
    return best, fewest


def count_crossings(layers: list[list[int]], down: list[list[int]]) -> int:
    """How many pairs of edges between neighbouring layers cross."""
    crossings = 0
    for upper, lower in pairwise(layers):
        place = {node: position for position, node in enumerate(lower)}
        ends = [end for node in upper for end in sorted(place[other] for other in down[node])]
        size = 1
        while size < len(lower):
            size *= 2
        sums = [0] * (2 * size)
        for end in ends:
            at = end + size
            sums[at] += 1
            while at > 1:
                if at % 2 == 0:
                    crossings += sums[at + 1]   # edges before this one that end to the right of it
                at //= 2
                sums[at] += 1
    return crossings


def _initial(graph: Layered, is_last_first: bool, is_reversed: bool, is_upward: bool) -> list[list[int]]:
    """Nodes in the order in which a walk meets them, down or up, so that neighbours begin near each other."""
    seen = [False] * len(graph.up)
    layer_of = {node: number for number, layer in enumerate(graph.layers) for node in layer}
    layers: list[list[int]] = [[] for _ in graph.layers]
    onward = graph.up if is_upward else graph.down
    starts = [node for layer in (graph.layers[::-1] if is_upward else graph.layers)
              for node in (layer[::-1] if is_reversed else layer)]  # fmt: skip
    for start in starts:
        waiting = [start]
        while waiting:
            node = waiting.pop()
            if not seen[node]:
                seen[node] = True
                layers[layer_of[node]].append(node)
                waiting += onward[node] if is_last_first else reversed(onward[node])
    return layers


def _sift(layers: list[list[int]], graph: Layered) -> None:
    """Put each node where in its layer the fewest edges cross, those with the most edges first."""
    place = [0] * len(graph.up)
    for layer in layers:
        for position, node in enumerate(layer):
            place[node] = position
    for turn in range(SIFTINGS):
        for layer in layers if turn % 2 == 0 else reversed(layers):
            ups = {node: sorted(place[other] for other in graph.up[node]) for node in layer}
            downs = {node: sorted(place[other] for other in graph.down[node]) for node in layer}
            ends = {node: (ups[node], downs[node]) for node in layer}
            for node in sorted(layer, key=lambda node: (-len(graph.up[node]) - len(graph.down[node]), node)):
                layer.insert(_best_place(layer, layer.index(node), ends), layer.pop(layer.index(node)))
            for position, node in enumerate(layer):
                place[node] = position


def _best_place(layer: list[int], here: int, ends: dict[int, tuple[list[int], list[int]]]) -> int:
    """Where the node at `here` has the fewest crossings, as near as can be; the others keep their order."""
    up, down = ends[layer[here]]
    best, most = here, 0
    gained = 0
    for position in range(here + 1, len(layer)):
        others_up, others_down = ends[layer[position]]
        gained += _gain(up, others_up) + _gain(down, others_down)
        if gained > most:
            best, most = position, gained
    gained = 0
    for position in range(here - 1, -1, -1):
        others_up, others_down = ends[layer[position]]
        gained += _gain(others_up, up) + _gain(others_down, down)
        if gained > most:
            best, most = position, gained
    return best


def _sweep(
    layers: list[list[int]], graph: Layered, *, is_downward: bool, weigh: Callable[[list[int]], float]
) -> None:
    numbers = range(1, len(layers)) if is_downward else range(len(layers) - 2, -1, -1)
    neighbours = graph.up if is_downward else graph.down
    for number in numbers:
        fixed = layers[number - 1 if is_downward else number + 1]
        place = {node: position for position, node in enumerate(fixed)}
        weights = {node: weigh([place[other] for other in neighbours[node]]) for node in layers[number]}
        layers[number] = _by_weight(layers[number], weights)


def _by_weight(layer: list[int], weights: dict[int, float]) -> list[int]:
    """The nodes by weight; one without (-1) keeps its place."""
    moving = iter(sorted((node for node in layer if weights[node] >= 0), key=lambda node: weights[node]))
    return [next(moving) if weights[node] >= 0 else node for node in layer]


def _mean(places: list[int]) -> float:
    """The barycentre of neighbour positions; -1 for none."""
    return sum(places) / len(places) if places else -1.0


def _median(places: list[int]) -> float:
    """The weighted median of neighbour positions; -1 for none."""
    places.sort()
    count = len(places)
    middle = count // 2
    if count == 0:
        return -1.0
    if count % 2:
        return float(places[middle])
    if count == 2:
        return (places[0] + places[1]) / 2
    left, right = places[middle - 1] - places[0], places[-1] - places[middle]
    if left + right == 0:
        return (places[middle - 1] + places[middle]) / 2
    return (places[middle - 1] * right + places[middle] * left) / (left + right)


def _transpose(layers: list[list[int]], graph: Layered) -> None:
    """Exchange neighbours as long as that lessens crossings."""
    place = [0] * len(graph.up)
    for layer in layers:
        for position, node in enumerate(layer):
            place[node] = position
    waiting = set(range(len(layers)))
    for _ in range(10):
        changed: set[int] = set()
        for number in sorted(waiting):
            if _transpose_layer(layers[number], graph, place):
                changed.update((number - 1, number, number + 1))
        waiting = {number for number in changed if 0 <= number < len(layers)}
        if not waiting:
            return


def _transpose_layer(layer: list[int], graph: Layered, place: list[int]) -> bool:
    ups = [sorted(place[other] for other in graph.up[node]) for node in layer]
    downs = [sorted(place[other] for other in graph.down[node]) for node in layer]
    is_changed = False
    for i in range(len(layer) - 1):
        gain = _gain(ups[i], ups[i + 1]) + _gain(downs[i], downs[i + 1])
        if gain > 0:
            layer[i], layer[i + 1] = layer[i + 1], layer[i]
            ups[i], ups[i + 1] = ups[i + 1], ups[i]
            downs[i], downs[i + 1] = downs[i + 1], downs[i]
            place[layer[i]], place[layer[i + 1]] = i, i + 1
            is_changed = True
    return is_changed


def _gain(left: list[int], right: list[int]) -> int:
    """How many crossings fewer there are when the node with ends `right` comes before the one with `left`."""
    if not left or not right or left[-1] < right[0]:
        return -len(left) * len(right)
    if right[-1] < left[0]:
        return len(left) * len(right)
    gain = 0
    for one in left:
        for other in right:
            gain += (one > other) - (one < other)
    return gain
