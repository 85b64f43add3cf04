"""store info, check, repair, and accept: the store itself, when it is asked about or hurt."""

from __future__ import annotations

from typing import Annotated

import typer

from mgov.cli.options import Context, command
from mgov.cli.text import RED, YELLOW
from mgov.cli.view import Column, View
from mgov.errors import NO, OK, UsageError

INFO_COLUMNS = (Column("field"), Column("value"))
FINDING_COLUMNS = (
    Column("path"),
    Column("severity", style={"damage": RED, "note": YELLOW}.get),
    Column("problem"),
    Column("remedy"),
)
REPAIR_COLUMNS = (Column("path"), Column("done"))
ACCEPT_COLUMNS = (Column("service"),)


@command("mgov store info", columns=INFO_COLUMNS)
def info(ctx: Context) -> View:
    """Say which store is used, and what is in it."""
    platform = ctx.obj.platform()
    counts = platform.registry.statistics()
    facts = {
        "location": platform.store.location,
        "id": platform.store.id,
        "services": counts["total_services"],
        "instances": counts["total_instances"],
        "revision": platform.store.last_revision(),
    }
    return View(INFO_COLUMNS, [(key, str(value)) for key, value in facts.items()], facts, has_header=False)


@command("mgov store check", columns=FINDING_COLUMNS)
def check(ctx: Context) -> View:
    """Verify every file of the store: 0 when all is whole, 1 when something is damaged. Changes nothing."""
    found = ctx.obj.platform().check()
    rows = [(f.path, "note" if f.is_note else "damage", f.problem, f.remedy) for f in found]
    damaged = sum(not finding.is_note for finding in found)
    summary = f"{damaged} damaged" if damaged else "everything is whole"
    return View(FINDING_COLUMNS, rows, status=NO if damaged else OK, summary=summary)


@command("mgov store repair", "mgov store repair --renumber", columns=REPAIR_COLUMNS)
def repair(
    ctx: Context,
    renumber: Annotated[
        bool, typer.Option("--renumber", help="Keep both of two configurations that branches gave one number")
    ] = False,
) -> View | int:
    """Set damaged files aside and put the last good copies in their place. Nothing is thrown away."""
    session = ctx.obj
    platform = session.platform()
    damaged = [finding for finding in platform.check() if not finding.is_note]
    if damaged and not session.confirm(f"Set {len(damaged)} damaged files aside?"):
        session.out.note("nothing was changed")
        return NO
    actions = platform.repair(renumber=renumber)
    return View(REPAIR_COLUMNS, list(actions), summary=f"{len(actions)} done" if actions else "nothing to repair")


@command("mgov accept orders", "mgov accept --all", columns=ACCEPT_COLUMNS)
def accept(
    ctx: Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="A service whose file is meant")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them")] = False,
) -> View:
    """Take hand edits that look like damage as meant: a file cut short, service files that are gone."""
    if bool(names) == everything:
        raise UsageError("name the services that are meant, or say --all", hint="mgov store check")
    accepted = ctx.obj.platform().accept(None if everything else names)
    return View(ACCEPT_COLUMNS, [(name,) for name in accepted], summary="" if accepted else "nothing to accept")
