"""graph cycles, order, impact and path: questions to the dependency graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mgov.cli.graph import EDGE_COLUMNS, edge_json, edge_row, shown_chain
from mgov.cli.options import Context, command
from mgov.cli.text import DIM, RED
from mgov.cli.view import Column, View
from mgov.errors import NO, OK, UsageError

if TYPE_CHECKING:
    from mgov.governance.graphs import Affected

Sync = Annotated[bool, typer.Option("--sync", help="Leave asynchronous dependencies out")]
Service = Annotated[str, typer.Argument(metavar="NAME", help="The service")]

CYCLE_COLUMNS = (
    Column("services", "right"),
    Column("cycle", is_folded=True),
    Column("members", is_wide_only=True, is_folded=True),
)
ORDER_COLUMNS = (Column("services", is_folded=True), Column("wave", "right", is_wide_only=True))
IMPACT_COLUMNS = (
    Column("service", cut_rank=2),
    Column("impact", style={"breaks": RED, "can do without": DIM}.get, cut_rank=2),
    Column("owner", cut_rank=0),
    Column("path", is_folded=True),
)


@command("mgov graph cycles", "mgov graph cycles --sync -o json", columns=CYCLE_COLUMNS)
def cycles(ctx: Context, sync: Sync = False) -> View:
    """Find services that need each other: 1 when there are any. Each knot is shown with a shortest cycle in it; JSON
    lists the members of each."""
    found = ctx.obj.platform().graphs.cycles(is_synchronous=sync)
    rows = [(len(cycle.members), str(cycle), cycle.members) for cycle in found]
    summary = f"{len(found)} knots of services that need each other" if len(found) > 1 else ""
    return View(
        CYCLE_COLUMNS,
        rows,
        [list(cycle.members) for cycle in found],
        status=NO if found else OK,
        names=[name for cycle in found for name in cycle.members],
        summary=summary if found else "no cycles",
    )


@command("mgov graph order", "mgov graph order --only orders,users --reverse", columns=ORDER_COLUMNS)
def order(
    ctx: Context,
    only: Annotated[str | None, typer.Option(metavar="A,B", help="Only these services")] = None,
    is_reversed: Annotated[bool, typer.Option("--reverse", help="The last wave first, to take down")] = False,
    sync: Sync = False,
) -> View:
    """Say in which order to deploy: one wave per line, each needs only earlier ones. 1 when a cycle forbids it; the
    services of a cycle then stand in one wave."""
    session = ctx.obj
    names = (only or "").replace(",", " ").split()   # a wave, as it was printed, may be given back
    if only is not None and not names:              # a script's list that came out empty does not mean everything
        raise UsageError("--only names no service", hint="leave it out for all of them: mgov graph order")
    found = session.platform().graphs.order(names, is_reversed=is_reversed, is_synchronous=sync)
    for cycle in found.cycles:
        session.out.warn(f"no order satisfies a cycle: {cycle}", hint="mgov graph cycles")
    if found.missing:
        session.out.note(f"not registered, so in no wave: {', '.join(found.missing)}")
    return View(
        ORDER_COLUMNS,
        [(" ".join(wave), number) for number, wave in enumerate(found.waves, 1)],
        [list(wave) for wave in found.waves],
        status=NO if found.cycles else OK,
        names=[name for wave in found.waves for name in wave],
    )


@command("mgov graph impact users", "mgov graph impact users -o json", columns=IMPACT_COLUMNS)
def impact(ctx: Context, name: Service) -> View:
    """Say who suffers when a service fails, through which path, and who owns it: first who breaks at once, then who
    falls behind (something on the way is asynchronous), then who can do without (something is optional)."""
    found = ctx.obj.platform().graphs.impact(name)
    words = [_impact_word(impact.type, is_optional=impact.is_optional) for impact, _ in found]
    counts = ", ".join(f"{words.count(word)} {_SAID[word]}" for word in _SAID if word in words)
    return View(
        IMPACT_COLUMNS,
        lambda: [
            (impact.service, word, owner, shown_chain(impact.path))
            for (impact, owner), word in zip(found, words, strict=True)
        ],
        lambda: [_impact_json(affected) for affected in found],
        summary=counts or f"nobody depends on {name}",
    )


@command("mgov graph path web users", columns=EDGE_COLUMNS)
def path(
    ctx: Context,
    start: Annotated[str, typer.Argument(metavar="NAME", help="The service that needs")],
    end: Annotated[str, typer.Argument(metavar="NAME", help="The service that is needed")],
) -> View:
    """Say how one service comes to need another: the edges of a shortest way, or 1 when there is none."""
    graphs = ctx.obj.platform().graphs
    edges = graphs.path(start, end)
    if edges:
        summary = shown_chain([start, *(edge.target for edge in edges)])
    else:
        other = "; the other way round it does" if graphs.path(end, start) else ""
        summary = f"{start} does not need {end}{other}"
    return View(
        EDGE_COLUMNS,
        [edge_row(edge) for edge in edges],
        [edge_json(edge) for edge in edges],
        status=OK if edges else NO,
        names=[start, *(edge.target for edge in edges)] if edges else [],
        summary=summary,
    )


def _impact_json(affected: Affected) -> dict[str, Any]:
    impact = affected.impact
    return {
        "service": impact.service,
        "path": list(impact.path),
        "optional": impact.is_optional,
        "type": impact.type,
        "owner": affected.owner,
    }


_SAID = {"breaks": "break", "falls behind": "fall behind", "can do without": "can do without"}


def _impact_word(kind: str, *, is_optional: bool) -> str:
    if is_optional:
        return "can do without"
    return "breaks" if kind == "synchronous" else "falls behind"
