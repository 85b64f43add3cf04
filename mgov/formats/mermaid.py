"""A dependency graph as a Mermaid flowchart, for Markdown that GitHub, GitLab and others draw.

Labels stand in quotes, where Mermaid reads `#35;` as the character of that code: every ASCII character that is not a
letter, a digit or harmless is written so, and foreign text is never syntax, HTML or a link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.formats.visible import clean
from mgov.model.picture import DOWN, LEFT, RIGHT, UP, edge_words

if TYPE_CHECKING:
    from mgov.model.picture import Node, Picture

MAX_EDGES = 500                                 # that Mermaid draws unless its page says otherwise (maxEdges)
MAX_TEXT_CHARS = 200
_WAYS = {DOWN: "TD", UP: "BT", RIGHT: "LR", LEFT: "RL"}
_HARMLESS = frozenset(" -_.,/")
_CLASSES = {
    "healthy": "fill:#e6f4ea,stroke:#1e8e3e,color:#0b3d1c",
    "degraded": "fill:#fef3d6,stroke:#b26a00,color:#5a3600",
    "unhealthy": "fill:#fce8e6,stroke:#c5221f,color:#6b1210",
    "starting": "fill:#e8f0fe,stroke:#1a66d0,color:#0c3268",
    "maintenance": "fill:#f1e7fb,stroke:#7b3fb5,color:#3f1d61",
    "declared": "fill:#f1f3f4,stroke:#5f6368,color:#202124",
    "empty": "fill:#ffffff,stroke:#80868b,color:#3c4043",
    "missing": "fill:#ffffff,stroke:#c5221f,color:#6b1210,stroke-dasharray:4 3",
}


def mermaid(picture: Picture, direction: str = DOWN) -> str:
    """The flowchart: solid arrows are synchronous, dotted ones asynchronous, optional ones say so."""
    lines = [f"flowchart {_WAYS[direction]}"]
    ids = {node.name: f"n{number}" for number, node in enumerate(picture.nodes)}
    if picture.by:
        for number, (group, members) in enumerate(picture.groups().items()):
            lines.append(f'  subgraph g{number}["{_text(group or f"no {picture.by}")}"]')
            lines += [f"    {_node(ids[node.name], node)}" for node in members]
            lines.append("  end")
    else:
        lines += [f"  {_node(ids[node.name], node)}" for node in picture.nodes]
    for edge in picture.edges:
        arrow = "-.->" if "asynchronous" in edge_words(edge) else "-->"
        label = "|optional|" if edge.is_optional else ""
        lines.append(f"  {ids[edge.source]} {arrow}{label} {ids[edge.target]}")
    used = sorted({node.status for node in picture.nodes})
    lines += [f"  classDef {status} {_CLASSES[status]}" for status in used]
    return "\n".join(lines) + "\n"


def _node(node_id: str, node: Node) -> str:
    service = node.service
    parts = [node.name, service.title, service.version, node.told]
    return f'{node_id}["{"<br/>".join(_text(part) for part in parts if part)}"]:::{node.status}'


def _text(text: str) -> str:
    shown = clean(text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…")
    return "".join(c if c.isalnum() or not c.isascii() or c in _HARMLESS else f"#{ord(c)};" for c in shown)
