"""Layers for a drawing: each edge points down by at least one, and long ones are cut into steps of one.

The first half of the method of Sugiyama, Tagawa and Toda (1981): turn as few edges round as a greedy choice finds
(Eades, Lin and Smyth 1993), put each node as low as its callers allow, then shift it towards where most of its edges
lead. Nodes are numbers; nothing recurses.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

from mgov.errors import UsageError
from mgov.model.graph import Edge, Graph
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

TIGHTENING_ROUNDS = 12
MAX_BENDS = 25_000
TOO_MUCH_HINT = "draw a part: --around NAME --depth 2; or leave it to another program: -o dot"


class Layered(NamedTuple):
    """`layers` hold node numbers from the top; `up` and `down` the neighbours one layer away. Numbers from
    `real_count` on are bends of long edges. `chains` has for each edge the nodes that it passes from its upper end to
    its lower one; `is_turned` whether it runs upwards in truth."""

    layers: list[list[int]]
    up: list[list[int]]
    down: list[list[int]]
    real_count: int
    chains: list[list[int]]
    is_turned: list[bool]


def layered(count: int, pairs: Sequence[tuple[int, int]], widest: int | None = None) -> Layered:
    """The layers of nodes 0 to `count` - 1 under edges without loops; at most `widest` nodes stand in one.

    UsageError where long edges would have more than 25,000 bends.
    """
    is_turned = _turned(count, pairs)
    directed = [(b, a) if turn else (a, b) for (a, b), turn in zip(pairs, is_turned, strict=True)]
    layer_of = _ranks(count, directed)
    if widest is not None:
        layer_of = _folded(layer_of, widest)
    bends = sum(layer_of[lower] - layer_of[upper] - 1 for upper, lower in directed)
    if bends > MAX_BENDS:
        raise UsageError(f"too much to draw: the dependencies would bend {bends} times", hint=TOO_MUCH_HINT)
    layers: list[list[int]] = [[] for _ in range(max(layer_of, default=-1) + 1)]
    for node, layer in enumerate(layer_of):
        layers[layer].append(node)
    up: list[list[int]] = [[] for _ in range(count)]
    down: list[list[int]] = [[] for _ in range(count)]
    chains = []
    for upper, lower in directed:
        chain = [upper]
        for layer in range(layer_of[upper] + 1, layer_of[lower]):
            chain.append(len(up))
            layers[layer].append(len(up))
            up.append([])
            down.append([])
        chain.append(lower)
        for one, other in pairwise(chain):
            down[one].append(other)
            up[other].append(one)
        chains.append(chain)
    return Layered(layers, up, down, count, chains, is_turned)


def _turned(count: int, pairs: Sequence[tuple[int, int]]) -> list[bool]:
    """Which edges to turn round so that no cycle is left."""
    graph = Graph((Edge(str(a), str(b)) for a, b in pairs), map(str, range(count)))
    home, place = [0] * count, [0] * count
    for number, members in enumerate(graph.components()):
        nodes = [int(name) for name in members]
        for node in nodes:
            home[node] = number
        if len(nodes) > 1:
            for position, node in enumerate(_sequence(nodes, pairs)):
                place[node] = position
    return [home[a] == home[b] and place[a] > place[b] for a, b in pairs]


def _sequence(nodes: list[int], pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The nodes of one knot in an order in which few edges run backwards."""
    left = dict.fromkeys(sorted(nodes))
    targets: dict[int, list[int]] = {node: [] for node in left}
    sources: dict[int, list[int]] = {node: [] for node in left}
    for a, b in pairs:
        if a in left and b in left:
            targets[a].append(b)
            sources[b].append(a)
    out = {node: len(targets[node]) for node in left}
    into = {node: len(sources[node]) for node in left}
    front: list[int] = []
    back: list[int] = []

    def take(node: int) -> None:
        del left[node]
        for target in targets[node]:
            into[target] -= 1
        for source in sources[node]:
            out[source] -= 1

    while left:
        sink = next((node for node in left if out[node] == 0), None)
        if sink is not None:
            back.append(sink)
            take(sink)
            continue
        chosen = next((node for node in left if into[node] == 0), None)
        if chosen is None:
            chosen = max(left, key=lambda node: (out[node] - into[node], -node))
        front.append(chosen)
        take(chosen)
    return front + back[::-1]


def _ranks(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for upper, lower in pairs:
        below[upper].append(lower)
        above[lower].append(upper)
    order = _topological(below, above)
    rank = [0] * count
    for node in order:
        rank[node] = max((rank[other] + 1 for other in above[node]), default=0)
    for _ in range(TIGHTENING_ROUNDS):
        if not _tighten(order, above, below, rank):
            break
    lowest = min(rank, default=0)
    used = sorted({r - lowest for r in rank})
    packed = {r: number for number, r in enumerate(used)}
    return [packed[r - lowest] for r in rank]


def _topological(below: list[list[int]], above: list[list[int]]) -> list[int]:
    missing = [len(others) for others in above]
    ready = deque(node for node, count in enumerate(missing) if count == 0)
    order = []
    while ready:
        node = ready.popleft()
        order.append(node)
        for other in below[node]:
            missing[other] -= 1
            if missing[other] == 0:
                ready.append(other)
    return order


def _tighten(order: list[int], above: list[list[int]], below: list[list[int]], rank: list[int]) -> bool:
    """Shift each node to the side where more of its edges lead; whether any could be."""
    is_changed = False
    for node in reversed(order):
        pull = len(below[node]) - len(above[node])
        if pull > 0:
            wanted = min(rank[other] for other in below[node]) - 1
        elif pull < 0:
            wanted = max(rank[other] for other in above[node]) + 1
        else:
            continue
        if wanted != rank[node]:
            rank[node], is_changed = wanted, True
    return is_changed


def _folded(layer_of: list[int], widest: int) -> list[int]:
    """The layers, each that holds more than `widest` nodes spread over several; nodes of one layer never need each
    other, so every edge still points down."""
    members: dict[int, list[int]] = {}
    for node, layer in enumerate(layer_of):
        members.setdefault(layer, []).append(node)
    folded = [0] * len(layer_of)
    first = 0
    for layer in sorted(members):
        nodes = members[layer]
        rows = -(-len(nodes) // widest)
        for position, node in enumerate(nodes):
            folded[node] = first + position % rows
        first += rows
    return folded
