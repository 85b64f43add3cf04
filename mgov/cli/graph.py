"""graph: who depends on whom, as a tree, a list, JSON, or a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mgov.cli.options import STANDARD, Context, command
from mgov.cli.view import Column, View
from mgov.errors import UsageError
from mgov.model.graph import Graph
from mgov.model.names import suggest
from mgov.model.picture import DIRECTIONS, DOWN, GROUPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.cli.session import Session
    from mgov.model.graph import Edge
    from mgov.model.picture import Node, Picture

FORMATS = ("tree", *STANDARD, "mermaid", "dot", "svg")
EDGE_COLUMNS = (Column("from"), Column("to"), Column("type"), Column("optional"))


@command(
    "mgov graph",
    "mgov graph --around orders --depth 2 -o mermaid",
    "mgov graph -o svg --by owner > graph.svg",
    formats=FORMATS,
    columns=EDGE_COLUMNS,
)
def graph(
    ctx: Context,
    around: Annotated[
        str | None, typer.Option(metavar="SERVICE", help="Only what it needs and who needs it; a tree starts there")
    ] = None,
    depth: Annotated[int | None, typer.Option(metavar="N", min=0, help="At most so many edges away")] = None,
    is_reversed: Annotated[
        bool, typer.Option("--reverse", help="Turn every edge round: from the needed to those that need it")
    ] = False,
    by: Annotated[str, typer.Option(metavar="FIELD", help="One of: owner, domain, tier")] = "",
    direction: Annotated[str, typer.Option(metavar="WHERE", help="One of: down, up, right, left")] = DOWN,
) -> View:
    """Show who depends on whom, with versions and the health that is known: a tree on a terminal, edges in a pipe."""
    session = ctx.obj
    _refuse_unknown("--by", by, ("", *GROUPS))
    _refuse_unknown("--direction", direction, DIRECTIONS)
    graphs = session.platform().graphs
    picture = graphs.picture(around=around, depth=depth, is_reversed=is_reversed, by=by)
    return View(
        EDGE_COLUMNS,
        lambda: [edge_row(edge) for edge in picture.edges],
        lambda: {"nodes": [_node_json(n) for n in picture.nodes], "edges": [edge_json(e) for e in picture.edges]},
        names=[node.name for node in picture.nodes],
        summary=_counted(session, picture),
        extras={
            "tree": lambda: _tree(session, picture, around, depth, is_reversed=is_reversed),
            "mermaid": lambda: _mermaid(session, picture, direction),
            "dot": lambda: _dot(picture, direction),
            "svg": lambda: _svg(picture, direction),
        },
    )


def edge_row(edge: Edge) -> tuple[str, str, str, bool]:
    """An edge in the columns of EDGE_COLUMNS."""
    return edge.source, edge.target, edge.type, edge.is_optional


def edge_json(edge: Edge) -> dict[str, Any]:
    """An edge as scripts read it."""
    return {"from": edge.source, "to": edge.target, "type": edge.type, "optional": edge.is_optional}


def _node_json(node: Node) -> dict[str, Any]:
    service = node.service
    return {
        "id": node.name,
        "name": node.name,
        "title": service.title,
        "version": service.version,
        "owner": service.owner,
        "domain": service.domain,
        "tier": service.tier,
        "tags": list(service.tags),
        "instance_count": node.instance_count,
        "healthy_count": node.healthy_count,
        "status": node.status,
        "stale": node.is_stale,
    }


def _counted(session: Session, picture: Picture) -> str:
    if not picture.nodes:
        return "no services: mgov register NAME URL"
    on_cycles = f", {len(picture.on_cycles)} of them on cycles: mgov graph cycles" if picture.on_cycles else ""
    told = f"{_count(picture.nodes, 'service')}, {_count(picture.edges, 'dependency', 'dependencies')}{on_cycles}"
    if not session.out.is_terminal:
        return told
    from mgov.model.impact import longest_chain

    chain = longest_chain(Graph(picture.edges).synchronous())
    return f"{told}; the longest synchronous chain has {len(chain)}: {shown_chain(chain)}" if chain else told


def shown_chain(chain: Sequence[str], most: int = 12) -> str:
    """A chain in one line; of a long one, its beginning and its end."""
    if len(chain) > most:
        chain = (*chain[: most - 2], f"({len(chain) - most + 1} more)", chain[-1])
    return " -> ".join(chain)


def _count(things: Sequence[object], one: str, many: str = "") -> str:
    return f"{len(things)} {one if len(things) == 1 else many or one + 's'}"


def _refuse_unknown(flag: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        listed = [name for name in known if name]
        near = suggest(word, listed)
        hint = f"did you mean {near}? one of {', '.join(listed)}" if near else f"one of {', '.join(listed)}"
        raise UsageError(f"unknown {flag} {word[:40]!r}", hint=hint)


def _tree(session: Session, picture: Picture, around: str | None, depth: int | None, *, is_reversed: bool) -> str:
    """The tree from the roots, or from `around` down; below that, who needs it."""
    from mgov.cli.graphtree import tree_text

    drawn = Graph(picture.edges, (node.name for node in picture.nodes))
    has_color = session.out.has_color(session.out.stdout)
    if around is None:
        return tree_text(drawn, picture, drawn.roots(), depth, has_color=has_color)
    text = tree_text(drawn, picture, [around], depth, has_color=has_color)
    if not drawn.sources(around):
        return text
    others = tree_text(drawn.reversed(), picture, [around], depth, has_color=has_color)
    below = others.split("\n", 1)[1]                # its first line is `around` again
    return f"{text}{'needs' if is_reversed else 'needed by'}\n{below}"


def _mermaid(session: Session, picture: Picture, direction: str) -> str:
    from mgov.formats.mermaid import MAX_EDGES, mermaid

    if len(picture.edges) > MAX_EDGES:
        session.out.warn(
            f"most pages draw at most {MAX_EDGES} edges of Mermaid, this has {len(picture.edges)}",
            hint="mgov graph --around NAME --depth 2 -o mermaid, or -o svg",
        )
    return mermaid(picture, direction)


def _dot(picture: Picture, direction: str) -> str:
    from mgov.formats.dot import dot

    return dot(picture, direction)


def _svg(picture: Picture, direction: str) -> str:
    from mgov.formats.svg import svg

    return svg(picture, direction)
