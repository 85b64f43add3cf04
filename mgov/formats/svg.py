"""A dependency graph as one self-contained SVG: layers from callers to called, health in colour and shape, tooltips.

It follows the reader's light or dark scheme. Where a browser shows it, pointing at a service dims what has nothing to
do with it; there is no script in it, and nothing is loaded. Foreign text is escaped, and what XML 1.0 cannot hold is
shown as an escape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import UsageError
from mgov.formats.svgstyle import GROUP_COUNT, MARKERS, SIGNS, stylesheet
from mgov.formats.textwidth import shortened, text_width
from mgov.formats.visible import clean
from mgov.model.layering import TOO_MUCH_HINT
from mgov.model.layout import Layout, lay_out
from mgov.model.picture import DOWN, LEFT, RIGHT, STATUSES, edge_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.model.graph import Edge
    from mgov.model.layout import Box, Route
    from mgov.model.picture import Node, Picture

NAME_SIZE, TITLE_SIZE, META_SIZE = 13.0, 12.0, 11.0
MAX_TEXT_WIDTH, SIGN_WIDTH, PADDING = 210.0, 24.0, 11.0
LINE_HEIGHT = 16.0
MARGIN, HEAD_HEIGHT, LEGEND_LINE = 28.0, 30.0, 22.0
MAX_POINTED = 400                               # services up to which pointing at one dims the others
MAX_TIP_CHARS = 300
MAX_NODES = 1_500
_STATUS_WORDS = {"empty": "no instances", "missing": "not registered"}
_NOT_XML = ("\ufffe", "\uffff")


def svg(picture: Picture, direction: str = DOWN, *, headline: str = "") -> str:
    """The drawing of all nodes and edges of `picture` under `headline` [what it counts]; UsageError where nobody could
    read it any more."""
    if len(picture.nodes) > MAX_NODES:
        raise UsageError(f"too much to draw: {len(picture.nodes)} services", hint=TOO_MUCH_HINT)
    lines = {node.name: _lines(node, picture.group_of(node)) for node in picture.nodes}
    sizes = {name: _size(texts) for name, texts in lines.items()}
    layout = lay_out(sizes, [(edge.source, edge.target) for edge in picture.edges], direction)
    head = headline or _headline(picture)
    width = max(layout.width, text_width(head, TITLE_SIZE), 360.0) + 2 * MARGIN
    legend = _legend(picture, width - 2 * MARGIN)
    legend_top = MARGIN + HEAD_HEIGHT + layout.height + (26.0 if picture.nodes else 0.0)
    height = legend_top + len(legend) * LEGEND_LINE + MARGIN - 8
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" '
        f'height="{_n(height)}" role="img" aria-label="{_text(head)}">',
        f"<style>{_style(picture)}</style>",
        f"<defs>{MARKERS}</defs>",
        f'<rect class="bg" width="{_n(width)}" height="{_n(height)}"/>',
        f'<text class="hd" x="{_n(MARGIN)}" y="{_n(MARGIN + 6)}">{_text(head)}</text>',
        f'<g transform="translate({_n((width - layout.width) / 2)} {_n(MARGIN + HEAD_HEIGHT)})">',
        *_edges(picture, layout, direction),
        *_nodes(picture, layout, lines),
        "</g>",
        f'<g transform="translate({_n(MARGIN)} {_n(legend_top)})">' if legend else "",
        *(line for number, row in enumerate(legend) for line in _legend_row(row, number)),
        "</g>" if legend else "",
        "</svg>",
    ]
    return "\n".join(line for line in out if line) + "\n"


# -- boxes


def _lines(node: Node, group: str) -> list[tuple[str, str]]:
    """The lines of a box: (class, text). Of many groups several share a colour, so the group is said too."""
    service = node.service
    parts = (clean(service.version), node.counted, "stale" if node.is_stale else "", clean(group[:500]))
    meta = " · ".join(part for part in parts if part)
    lines = [("nm", shortened(node.name, NAME_SIZE, MAX_TEXT_WIDTH, is_bold=True))]
    if service.title and service.title != node.name:
        lines.append(("tt", shortened(clean(service.title[:500]), TITLE_SIZE, MAX_TEXT_WIDTH)))
    return [*lines, ("mt", shortened(meta[:500], META_SIZE, MAX_TEXT_WIDTH))]


def _size(lines: Sequence[tuple[str, str]]) -> tuple[float, float]:
    sizes = {"nm": NAME_SIZE, "tt": TITLE_SIZE, "mt": META_SIZE}
    widest = max(text_width(text, sizes[kind], is_bold=kind == "nm") for kind, text in lines)
    return round(widest + SIGN_WIDTH + 2 * PADDING), len(lines) * LINE_HEIGHT + 2 * PADDING - 4


def _nodes(picture: Picture, layout: Layout, lines: dict[str, list[tuple[str, str]]]) -> list[str]:
    number = {node.name: i for i, node in enumerate(picture.nodes)}
    near: dict[str, set[int]] = {name: {i} for name, i in number.items()}
    counts = {name: [0, 0] for name in number}
    for edge in picture.edges:
        near[edge.source].add(number[edge.target])
        near[edge.target].add(number[edge.source])
        counts[edge.source][0] += 1
        counts[edge.target][1] += 1
    groups = _groups(picture)
    is_pointed = len(picture.nodes) <= MAX_POINTED
    out = []
    for i, node in enumerate(picture.nodes):
        marks = "".join(f" m{other}" for other in sorted(near[node.name])) if is_pointed else ""
        out.append(f'<g id="n{i}" class="n {node.status}{marks}"><title>{_tip(node, *counts[node.name])}</title>')
        out.append(_box(layout.boxes[node.name], lines[node.name], node.status, groups.get(picture.group_of(node))))
        out.append("</g>")
    return out


def _box(box: Box, lines: Sequence[tuple[str, str]], status: str, group: int | None) -> str:
    x, y = box.x - box.width / 2, box.y - box.height / 2
    drawn = [
        f'<rect class="b" x="{_n(x)}" y="{_n(y)}" width="{_n(box.width)}" height="{_n(box.height)}" rx="8"/>'
    ]
    if group is not None:
        drawn.append(_stripe(group, x + 4, y + 7, box.height - 14))
    drawn.append(f'<g transform="translate({_n(x + PADDING + 8)} {_n(y + PADDING + 6)})">{SIGNS[status]}</g>')
    for row, (kind, text) in enumerate(lines):
        place = f'x="{_n(x + PADDING + SIGN_WIDTH)}" y="{_n(y + PADDING + 10.5 + row * LINE_HEIGHT)}"'
        drawn.append(f'<text class="{kind}" {place}>{_text(text)}</text>')
    return "".join(drawn)


def _tip(node: Node, needs: int, needed_by: int) -> str:
    service = node.service
    facts = [
        node.name, service.title, service.description, service.version and f"version {service.version}",
        f"{node.status}: {node.counted}" + (", not looked at lately" if node.is_stale else ""),
        service.owner and f"owner {service.owner}", service.domain and f"domain {service.domain}",
        service.tier and f"tier {service.tier}", service.tags and f"tags {', '.join(service.tags)}",
        f"needs {needs}, needed by {needed_by}",
    ]  # fmt: skip
    return "\n".join(_text(str(fact)[:MAX_TIP_CHARS]) for fact in facts if fact)


# -- edges


def _edges(picture: Picture, layout: Layout, direction: str) -> list[str]:
    number = {node.name: i for i, node in enumerate(picture.nodes)}
    routes: dict[tuple[str, str], list[Route]] = {}
    for route in layout.routes:
        routes.setdefault((route.source, route.target), []).append(route)
    out = []
    for edge in picture.edges:
        way = _loop(layout.boxes[edge.source], direction) if edge.source == edge.target else _way(
            routes[edge.source, edge.target].pop().points
        )
        out.append(_edge(edge, way, number, is_on_cycle=edge[:2] in picture.on_cycles))
    return out


def _edge(edge: Edge, way: str, number: dict[str, int], *, is_on_cycle: bool) -> str:
    words = edge_words(edge)
    head = ("c" if is_on_cycle else "a") + ("o" if edge.is_optional else "")
    kinds = (("as", "asynchronous" in words), ("op", edge.is_optional), ("k", is_on_cycle))
    classes = [kind for kind, is_so in kinds if is_so]
    marks = " ".join(["e", *classes, f"m{number[edge.source]}", f"m{number[edge.target]}"])
    said = f" ({words})" if words else ""
    tip = _text(f"{edge.source} → {edge.target}{said}" + (", on a cycle" if is_on_cycle else ""))
    return f'<path class="{marks}" marker-end="url(#{head})" d="{way}"><title>{tip}</title></path>'


def _way(points: Sequence[tuple[float, float]]) -> str:
    first, rest = points[0], points[1:]
    curves = "".join(
        "C" + " ".join(f"{_n(x)} {_n(y)}" for x, y in rest[i : i + 3]) for i in range(0, len(rest), 3)
    )
    return f"M{_n(first[0])} {_n(first[1])}{curves}"


def _loop(box: Box, direction: str) -> str:
    if direction in (LEFT, RIGHT):
        x, y = box.x, box.y + box.height / 2
        return f"M{_n(x - 9)} {_n(y)}c-6 22 24 22 18 0"
    x, y = box.x + box.width / 2, box.y
    return f"M{_n(x)} {_n(y - 9)}c22 -6 22 24 0 18"


# -- around the drawing


def _headline(picture: Picture) -> str:
    if not picture.nodes:
        return "no services"
    counts = [(len(picture.nodes), "service", "services"), (len(picture.edges), "dependency", "dependencies")]
    parts = [f"{count} {one if count == 1 else many}" for count, one, many in counts]
    return " · ".join([*parts, f"{len(picture.on_cycles)} on cycles"] if picture.on_cycles else parts)


def _groups(picture: Picture) -> dict[str, int]:
    """The number of the colour of each named group."""
    if not picture.by:
        return {}
    return {group: number % GROUP_COUNT for number, group in enumerate(g for g in picture.groups() if g)}


def _legend(picture: Picture, width: float) -> list[list[tuple[float, str, str]]]:
    """Rows of (x, drawing, words), broken to `width`."""
    used = {node.status for node in picture.nodes}
    entries = [
        (f'<g class="{status}" transform="translate(7 -4)">{SIGNS[status]}</g>', _STATUS_WORDS.get(status, status))
        for status in STATUSES
        if status in used
    ]
    words = {edge_words(edge) for edge in picture.edges}
    for classes, head, said, is_there in (
        ("e", "a", "synchronous", bool(words & {"", "optional"})),
        ("e as", "a", "asynchronous", any("asynchronous" in w for w in words)),
        ("e op", "ao", "optional", any("optional" in w for w in words)),
        ("e k", "c", "on a cycle", bool(picture.on_cycles)),
    ):
        if is_there:
            entries.append((f'<path class="{classes}" marker-end="url(#{head})" d="M-4-4H20"/>', said))
    entries += [
        (_stripe(number, 15, -11, 14), shortened(clean(group[:500]), META_SIZE, MAX_TEXT_WIDTH))
        for group, number in _groups(picture).items()
    ]
    rows: list[list[tuple[float, str, str]]] = []
    x = width
    for drawing, said in entries:
        wide = text_width(said, META_SIZE) + 44
        if x + wide > width or not rows:
            rows.append([])
            x = 0.0
        rows[-1].append((x, drawing, said))
        x += wide
    return rows


def _legend_row(row: Sequence[tuple[float, str, str]], number: int) -> list[str]:
    y = number * LEGEND_LINE + 8
    return [
        f'<g transform="translate({_n(x)} {_n(y)})">{drawing}<text class="lg" x="26">{_text(said)}</text></g>'
        for x, drawing, said in row
    ]


def _stripe(group: int, x: float, y: float, height: float) -> str:
    return f'<rect class="g{group}" x="{_n(x)}" y="{_n(y)}" width="3" height="{_n(height)}" rx="1.5"/>'


def _style(picture: Picture) -> str:
    """The rules of the drawing: its colours, and what dims when somebody points at a service."""
    rules = [stylesheet({node.status for node in picture.nodes}, len(_groups(picture)))]
    if len(picture.nodes) <= MAX_POINTED:
        pointed = range(len(picture.nodes))
        rules += [f"svg:has(#n{i}:hover) :is(.n,.e):not(.m{i}){{opacity:.13}}" for i in pointed]
    return "".join(rules)


def _n(value: float) -> str:
    """A length with one decimal, without needless zeros."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def _text(text: str) -> str:
    shown = clean(text)
    for c in _NOT_XML:
        shown = shown.replace(c, f"\\u{ord(c):04x}")
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
