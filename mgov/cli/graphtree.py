"""The dependency graph as a tree on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.cli.rows import style
from mgov.cli.text import DIM, RED, clean, paint
from mgov.model.picture import EMPTY, MISSING, edge_words
from mgov.model.treelines import AGAIN, CUT, CYCLE, tree_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.model.graph import Graph
    from mgov.model.picture import Node, Picture

_MARKS = {AGAIN: "(see above)", CYCLE: "(cycle)", CUT: "(deeper: --depth)"}


def tree_text(
    graph: Graph, picture: Picture, roots: Sequence[str], depth: int | None, *, has_color: bool
) -> str:
    """The tree below `roots`, a line for each: name, version, health, and what is special about the edge."""
    nodes = {node.name: node for node in picture.nodes}
    words = {(edge.source, edge.target): edge_words(edge) for edge in graph.edges}
    lines = []
    for line in tree_lines(graph, roots, depth):
        indent = "".join("|   " if runs_on else "    " for runs_on in line.bars[:-1])
        branch = ("|-- " if line.bars[-1] else "`-- ") if line.bars else ""
        kind = words.get((line.parent, line.name), "")
        said = [_node_text(nodes[line.name], picture, has_color=has_color)] if line.mark != AGAIN else [line.name]
        said += [f"({kind})"] if kind else []
        if line.mark:
            said.append(paint(_MARKS[line.mark], (RED if line.mark == CYCLE else DIM) if has_color else None))
        lines.append(indent + branch + " ".join(said))
    return "".join(f"{line}\n" for line in lines)


def _node_text(node: Node, picture: Picture, *, has_color: bool) -> str:
    color = {MISSING: RED, EMPTY: DIM}.get(node.status) or style(node.status)
    shown = paint(f"{node.told}{', stale' if node.is_stale else ''}", color if has_color else None)
    group = f"[{clean(picture.group_of(node)) or f'no {picture.by}'}]" if picture.by else ""
    version = clean(node.service.version)
    return " ".join(part for part in (node.name, version, group, shown) if part)
