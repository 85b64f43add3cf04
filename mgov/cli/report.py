"""report: the fleet as one HTML page that needs nothing but itself."""

from __future__ import annotations

from typing import Annotated

import typer

from mgov.cli.options import Context, command
from mgov.cli.view import Column, View
from mgov.errors import UsageError

COLUMNS = (Column("file"),)


@command("mgov report --out fleet.html", "mgov report --out fleet.html --title 'Shop, production'", columns=COLUMNS)
def report(
    ctx: Context,
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="The page, written whole or not at all; - is standard output")
    ] = None,
    title: Annotated[str, typer.Option(metavar="TEXT", help="What stands at its head [Fleet report]")] = "",
) -> View | str:
    """Write the fleet as one HTML page: what needs attention, the graph, services, the audit, breakers, limits and
    instances, as the store knows them. It loads nothing, sorts and searches, and suits a phone and a dark room."""
    if not out:
        raise UsageError("report needs a file to write", hint="mgov report --out fleet.html")
    page = ctx.obj.platform().reports.html(title=title)
    if out == "-":
        return page
    from mgov.store.outfile import write_whole

    write_whole(out, page)
    return View(COLUMNS, [(out,)])
