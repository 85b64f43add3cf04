"""trust: what a store would run on this machine, and whether it may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mgov.cli.options import Context, command
from mgov.cli.times import age_shown, time_of
from mgov.cli.view import Column, View
from mgov.errors import NO, OK, UsageError
from mgov.model.trust import COMMAND_KIND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.governance.trusts import Asked

ACT_COLUMNS = (Column("subject"), Column("kind"), Column("runs"), Column("trusted"))
GRANT_COLUMNS = (Column("store"), Column("location"), Column("count", "right"), Column("at"))


@command(
    "mgov trust",
    "mgov trust --dry-run",
    "mgov trust --list",
    "mgov trust --off",
    columns=(*ACT_COLUMNS, *GRANT_COLUMNS),
)
def trust(
    ctx: Context,
    list_: Annotated[bool, typer.Option("--list", help="List the stores that you trust, and change nothing")] = False,
    off: Annotated[bool, typer.Option("--off", help="Trust nothing of this store any more")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would run, and change nothing")] = False,
) -> View | int:
    """Show what the store would run on this machine, and let it: without your word no command of a store runs.

    Your word is kept in your own configuration and holds for exactly these commands; a changed one asks again.
    MGOV_TRUST=STORE-ID trusts all that a store holds, for one process.
    """
    session = ctx.obj
    if list_ and (off or dry_run):
        raise UsageError("--list goes alone")
    if list_:
        return _grants(session.clock.now())
    platform = session.platform()
    trusts = platform.trusts
    if off:
        is_gone = trusts.withdraw()
        return View(summary="trusted no more" if is_gone else "unchanged: nothing of this store was trusted")
    asked = trusts.asked()
    new_count = len({one.act.digest for one in asked if not one.is_trusted})
    view = _acts(asked)
    if not new_count or dry_run:
        return view._replace(summary=f"{new_count} would be trusted" if new_count else _nothing(asked))
    session.out.write(session.out.render(view))
    counted = _counted(asked, new_count)
    if not session.confirm(f"Let {platform.store.location} {counted} on this machine, as you?"):
        session.out.note("nothing was trusted")
        return NO
    trusts.agree(one.act for one in asked)
    session.out.note(f"{counted.partition(' ')[2]} trusted")
    return OK


def _acts(asked: Sequence[Asked]) -> View:
    rows = [(one.act.subject, one.act.kind, one.act.content, "yes" if one.is_trusted else "no") for one in asked]
    data = [
        {"subject": one.act.subject, "kind": one.act.kind, "runs": one.act.content, "trusted": one.is_trusted}
        for one in asked
    ]
    return View(ACT_COLUMNS, rows, data)


def _counted(asked: Sequence[Asked], count: int) -> str:
    is_only_commands = all(one.act.kind == COMMAND_KIND for one in asked)
    verb, noun = ("run", "command") if is_only_commands else ("do", "thing")
    return f"{verb} {count} {noun}{'' if count == 1 else 's'}"


def _nothing(asked: Sequence[Asked]) -> str:
    return "unchanged: all of it is trusted" if asked else "this store asks for nothing that needs trust"


def _grants(now: float) -> View:
    from mgov.store.trust import TrustFile

    grants = TrustFile.of_user().grants().values()
    columns = tuple(column._replace(show=age_shown(now)) if column.name == "at" else column for column in GRANT_COLUMNS)
    rows = [(grant.store_id, grant.location, len(grant.digests), time_of(grant.at)) for grant in grants]
    return View(columns, rows, summary="" if rows else "you trust no store")
