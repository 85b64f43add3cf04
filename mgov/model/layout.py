"""A layered drawing of a graph: where each box stands and along which points each edge runs.

Each connected part is drawn by itself (`layering`, `crossing`, `placement`), then the parts are put side by side in
rows. Boxes never overlap, and no edge runs through a box: between two layers an edge bends, beside the boxes of a
layer it runs straight. All lengths are in the caller's unit; a drawing begins at (0, 0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.crossing import order_layers
from mgov.model.layering import layered
from mgov.model.picture import DOWN, LEFT, RIGHT, UP
from mgov.model.placement import NODE_GAP, place
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mgov.model.layering import Layered

Point = tuple[float, float]

LAYER_GAP, MOST_GAP, GAP_PER_EDGE = 46.0, 110.0, 1.3
PART_GAP = 44.0
PORT_GAP = 13.0                                 # between two edges on one side of a box, where there is room
NEGLIGIBLE = 0.1                                # a shorter piece would turn an arrow head anywhere
WIDTH_TO_HEIGHT = 1.7                           # of the whole, where there is a choice


class Box(NamedTuple):
    """Where a node stands: its centre, its width and its height."""

    x: float
    y: float
    width: float
    height: float


class Route(NamedTuple):
    """An edge from `source` to `target`: `points` come in threes from the second on, the control points and the end of
    a cubic Bezier curve."""

    source: str
    target: str
    points: tuple[Point, ...]


class Layout(NamedTuple):
    """A whole drawing."""

    boxes: dict[str, Box]
    routes: tuple[Route, ...]
    width: float
    height: float


def lay_out(
    sizes: Mapping[str, tuple[float, float]], pairs: Iterable[tuple[str, str]], direction: str = DOWN
) -> Layout:
    """The drawing of nodes of these widths and heights under edges between them; an edge from a node to itself is
    left to the caller. `direction` says where edges lead."""
    is_sideways = direction in (LEFT, RIGHT)
    turned = {name: (height, width) if is_sideways else (width, height) for name, (width, height) in sizes.items()}
    ratio = 1 / WIDTH_TO_HEIGHT if is_sideways else WIDTH_TO_HEIGHT
    edges = [(a, b) for a, b in pairs if a != b]
    parts = [_part(names, inner, turned, ratio) for names, inner in _parts(list(turned), edges)]
    whole = _side_by_side(parts, ratio)
    if direction in (UP, LEFT):
        whole = _flipped(whole)
    return _transposed(whole) if is_sideways else whole


def _parts(names: list[str], edges: Sequence[tuple[str, str]]) -> list[tuple[list[str], list[tuple[str, str]]]]:
    """The connected parts, the largest first; all nodes without an edge are together in the last."""
    near: dict[str, list[str]] = {name: [] for name in names}
    for a, b in edges:
        near[a].append(b)
        near[b].append(a)
    home: dict[str, int] = {}
    members: list[list[str]] = []
    for name in names:
        if name in home or not near[name]:
            continue
        home[name] = len(members)
        waiting, found = [name], []
        while waiting:
            found.append(waiting.pop())
            for other in near[found[-1]]:
                if other not in home:
                    home[other] = len(members)
                    waiting.append(other)
        members.append(sorted(found))
    inner: list[list[tuple[str, str]]] = [[] for _ in members]
    for a, b in edges:
        inner[home[a]].append((a, b))
    parts = sorted(zip(members, inner, strict=True), key=lambda part: (-len(part[0]), part[0]))
    alone = [name for name in names if not near[name]]
    return [*parts, *(([name], []) for name in alone)]


def _part(
    names: list[str], edges: list[tuple[str, str]], sizes: Mapping[str, tuple[float, float]], ratio: float
) -> Layout:
    number = {name: i for i, name in enumerate(names)}
    pairs = [(number[a], number[b]) for a, b in edges]
    # So many boxes in a row make a part of n boxes about as wide as it should be for its height.
    widest = max(8, round((len(names) * ratio) ** 0.5 * 1.4))
    graph = layered(len(names), pairs, widest)
    layers = order_layers(graph)
    bends = len(graph.up) - len(names)
    widths = [sizes[name][0] for name in names] + [0.0] * bends
    heights = [sizes[name][1] for name in names] + [0.0] * bends
    xs = place(graph, layers, widths)
    left = min((x - width / 2 for x, width in zip(xs, widths, strict=True)), default=0.0)
    xs = [x - left for x in xs]
    bands = _bands(graph, layers, heights)
    boxes = {
        names[node]: Box(xs[node], (top + bottom) / 2, widths[node], heights[node])
        for layer, (top, bottom) in zip(layers, bands, strict=True)
        for node in layer
        if node < len(names)
    }
    routes = _routes(graph, layers, bands, xs, [boxes[name] for name in names], edges)
    right = max((x + width / 2 for x, width in zip(xs, widths, strict=True)), default=0.0)
    return Layout(boxes, tuple(routes), right, bands[-1][1] if bands else 0.0)


def _bands(graph: Layered, layers: list[list[int]], heights: list[float]) -> list[tuple[float, float]]:
    """Top and bottom of each layer; the more edges run between two, the further they are apart."""
    bands = []
    y = 0.0
    for layer in layers:
        height = max(heights[node] for node in layer)
        bands.append((y, y + height))
        edge_count = sum(len(graph.down[node]) for node in layer)
        y += height + min(MOST_GAP, LAYER_GAP + GAP_PER_EDGE * edge_count)
    return bands


def _routes(
    graph: Layered,
    layers: list[list[int]],
    bands: list[tuple[float, float]],
    xs: list[float],
    boxes: list[Box],
    edges: list[tuple[str, str]],
) -> list[Route]:
    layer_of = {node: number for number, layer in enumerate(layers) for node in layer}
    leaving = _ports(graph, xs, boxes, is_lower_end=False)
    arriving = _ports(graph, xs, boxes, is_lower_end=True)
    routes = []
    for number, (chain, (source, target)) in enumerate(zip(graph.chains, edges, strict=True)):
        upper, lower = boxes[chain[0]], boxes[chain[-1]]
        points: list[Point] = [(leaving[number], upper.y + upper.height / 2)]
        _straight(points, bands[layer_of[chain[0]]][1])
        for bend in chain[1:-1]:
            top, bottom = bands[layer_of[bend]]
            _curve(points, (xs[bend], top))
            _straight(points, bottom)
        _curve(points, (arriving[number], bands[layer_of[chain[-1]]][0]))
        _straight(points, lower.y - lower.height / 2)
        routes.append(Route(source, target, tuple(points[::-1] if graph.is_turned[number] else points)))
    return routes


def _ports(graph: Layered, xs: list[float], boxes: list[Box], *, is_lower_end: bool) -> list[float]:
    """For each edge where on its upper box's bottom, or its lower box's top, it ends: in the order of what it leads
    to, so that edges of one box do not cross there."""
    at: dict[int, list[tuple[float, int]]] = {}
    for number, chain in enumerate(graph.chains):
        node, other = (chain[-1], chain[-2]) if is_lower_end else (chain[0], chain[1])
        at.setdefault(node, []).append((xs[other], number))
    ports = [0.0] * len(graph.chains)
    for node, ends in at.items():
        gap = min(PORT_GAP, boxes[node].width * 0.8 / len(ends))
        for slot, (_, number) in enumerate(sorted(ends)):
            ports[number] = xs[node] + (slot - (len(ends) - 1) / 2) * gap
    return ports


def _curve(points: list[Point], end: Point) -> None:
    """From the last point to `end`, leaving and arriving straight up or down."""
    x, y = points[-1]
    middle = (y + end[1]) / 2
    points += [(x, middle), (end[0], middle), end]


def _straight(points: list[Point], y: float) -> None:
    x, before = points[-1]
    if abs(y - before) > NEGLIGIBLE:
        points += [(x, before + (y - before) / 3), (x, before + (y - before) * 2 / 3), (x, y)]


def _side_by_side(parts: list[Layout], ratio: float) -> Layout:
    """The parts from left to right in rows, each row as wide as the widest part or as a good shape asks for."""
    area = sum((part.width + PART_GAP) * (part.height + PART_GAP) for part in parts)
    most = max([(area * ratio) ** 0.5, *(part.width for part in parts)])
    boxes: dict[str, Box] = {}
    routes: list[Route] = []
    x = y = row_height = width = 0.0
    for part in parts:
        if x > 0 and x + part.width > most:
            x, y, row_height = 0.0, y + row_height + PART_GAP, 0.0
        moved = _moved(part, x, y)
        boxes.update(moved.boxes)
        routes += moved.routes
        row_height = max(row_height, part.height)
        width = max(width, x + part.width)
        x += part.width + (PART_GAP if part.routes else NODE_GAP)
    return Layout(boxes, tuple(routes), width, y + row_height)


def _moved(layout: Layout, x: float, y: float) -> Layout:
    boxes = {name: box._replace(x=box.x + x, y=box.y + y) for name, box in layout.boxes.items()}
    routes = (Route(a, b, tuple((px + x, py + y) for px, py in points)) for a, b, points in layout.routes)
    return layout._replace(boxes=boxes, routes=tuple(routes))


def _flipped(layout: Layout) -> Layout:
    """Upside down."""
    high = layout.height
    boxes = {name: box._replace(y=high - box.y) for name, box in layout.boxes.items()}
    routes = (Route(a, b, tuple((x, high - y) for x, y in points)) for a, b, points in layout.routes)
    return layout._replace(boxes=boxes, routes=tuple(routes))


def _transposed(layout: Layout) -> Layout:
    """With x and y exchanged."""
    boxes = {name: Box(box.y, box.x, box.height, box.width) for name, box in layout.boxes.items()}
    routes = (Route(a, b, tuple((y, x) for x, y in points)) for a, b, points in layout.routes)
    return Layout(boxes, tuple(routes), layout.height, layout.width)
