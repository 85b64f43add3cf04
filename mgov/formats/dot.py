"""A dependency graph in Graphviz' DOT language, for `dot -Tsvg` and everything else that reads it.

All names and labels are quoted strings, in which `"` and `\\` are the only characters with a meaning (and `\\` also
begins the escapes of labels, so it is doubled).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.formats.visible import clean
from mgov.model.picture import DOWN, LEFT, MISSING, RIGHT, UP, edge_words

if TYPE_CHECKING:
    from mgov.model.graph import Edge
    from mgov.model.picture import Node, Picture

MAX_TEXT_CHARS = 200
_WAYS = {DOWN: "TB", UP: "BT", RIGHT: "LR", LEFT: "RL"}
_COLORS = {
    "healthy": ("#e6f4ea", "#1e8e3e"),
    "degraded": ("#fef3d6", "#b26a00"),
    "unhealthy": ("#fce8e6", "#c5221f"),
    "starting": ("#e8f0fe", "#1a66d0"),
    "maintenance": ("#f1e7fb", "#7b3fb5"),
    "declared": ("#f1f3f4", "#5f6368"),
    "empty": ("#ffffff", "#80868b"),
    "missing": ("#ffffff", "#c5221f"),
}


def dot(picture: Picture, direction: str = DOWN) -> str:
    """The digraph: dashed edges are asynchronous, those with a hollow head optional, red ones lie on a cycle."""
    lines = [
        "digraph mgov {",
        f"  rankdir={_WAYS[direction]};",
        '  node [shape=box, fontname="Helvetica,Arial,sans-serif", fontsize=11];',
        '  edge [color="#5f6368", arrowsize=0.7];',
    ]
    if picture.by:
        for number, (group, members) in enumerate(picture.groups().items()):
            lines += [f"  subgraph cluster_{number} {{", f"    label={_quoted(group or f'no {picture.by}')};"]
            lines += [f"    {_node(node)}" for node in members]
            lines.append("  }")
    else:
        lines += [f"  {_node(node)}" for node in picture.nodes]
    lines += [f"  {_edge(edge, is_on_cycle=edge[:2] in picture.on_cycles)}" for edge in picture.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _node(node: Node) -> str:
    service, (fill, line) = node.service, _COLORS[node.status]
    parts = [node.name, service.title, service.version, node.told]
    label = "\\n".join(_escaped(part) for part in parts if part)
    style = "rounded,filled,dashed" if node.status == MISSING else "rounded,filled"
    tip = ", ".join(part for part in (node.name, node.status, service.owner) if part)
    return (
        f'{_quoted(node.name)} [label="{label}", style="{style}", fillcolor="{fill}", color="{line}", '
        f"tooltip={_quoted(tip)}];"
    )


def _edge(edge: Edge, *, is_on_cycle: bool) -> str:
    words = edge_words(edge)
    attributes = [f"tooltip={_quoted(f'{edge.source} -> {edge.target}' + (f' ({words})' if words else ''))}"]
    if "asynchronous" in words:
        attributes.append("style=dashed")
    if edge.is_optional:
        attributes.append("arrowhead=empty")
    if is_on_cycle:
        attributes.append('color="#c5221f"')
    return f"{_quoted(edge.source)} -> {_quoted(edge.target)} [{', '.join(attributes)}];"


def _escaped(text: str) -> str:
    shown = clean(text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…")
    # A trailing backslash of foreign text must not reach the quote, nor `&name;` become another character.
    return shown.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'
