"""why: what one service fails because of, since when, what changed before, and who suffers."""

from __future__ import annotations

from typing import Annotated

import typer

from mgov.cli.options import Context, command
from mgov.cli.view import TABLE, View
from mgov.cli.whyview import WHY_COLUMNS, why_json, why_rows, why_screen
from mgov.errors import OK, StoreError


@command("mgov why orders", "mgov why orders --now", "mgov why orders -o json", columns=WHY_COLUMNS)
def why(
    ctx: Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The service")],
    now: Annotated[bool, typer.Option("--now", help="Probe it and all that it needs first")] = False,
) -> View:
    """Explain a service: failing since when, the root and what was seen of it, what changed before, who suffers.

    It joins what the store holds and says how old that is. Changes count from 15 minutes before it was last seen well.
    """
    session = ctx.obj
    found = session.platform().why(name, must_look=now)
    return View(
        WHY_COLUMNS,
        lambda: why_rows(found),
        lambda: why_json(found),
        status=StoreError.exit_status if found.damaged else OK,
        names=[root.standing.service for root in found.roots],
        extras={TABLE: lambda: why_screen(found, session.out)},
    )
