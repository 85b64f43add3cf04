"""maintenance, prune: taking out of service for a while, and for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mgov.cli.options import Context, command
from mgov.cli.rows import OUTCOME_COLUMNS, instance_columns, instances_view, outcomes_view
from mgov.cli.times import age_shown, moment_shown, time_of
from mgov.cli.view import Column, View
from mgov.errors import NO, UsageError
from mgov.model.units import parse_duration, parse_until

if TYPE_CHECKING:
    from mgov.model.instance import Maintenance

MAINTENANCE_COLUMNS = (Column("service"), Column("instance"), Column("since"), Column("until"), Column("reason"))


@command(
    "mgov maintenance orders 127.0.0.1-8080 --until 2h --reason 'disk swap'",
    "mgov maintenance orders --off",
    columns=(*MAINTENANCE_COLUMNS, *OUTCOME_COLUMNS[:1], *OUTCOME_COLUMNS[3:]),
)
def maintenance(
    ctx: Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The service; without one, list")] = None,
    instance: Annotated[str | None, typer.Argument(metavar="INSTANCE", help="Only this instance of it")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DURATION|TIME", help="When it ends by itself: 2h, or an RFC 3339 time")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why")] = "",
    off: Annotated[bool, typer.Option("--off", help="End it")] = False,
) -> View:
    """Take a service or an instance out of discovery and health on purpose; without a name, list what is out."""
    session = ctx.obj
    registry = session.platform().registry
    if name is None:
        if off or until or reason:
            raise UsageError("name the service that is meant", hint="mgov maintenance NAME --off")
        return _listed(registry.maintenances(), session.clock.now())
    if off:
        return outcomes_view([registry.end_maintenance(name, instance)])
    ends_at = parse_until(until, session.clock.now()) if until is not None else None
    return outcomes_view([registry.maintain(name, instance, until=ends_at, reason=reason)])


@command("mgov prune --older-than 24h --dry-run", columns=instance_columns())
def prune(
    ctx: Context,
    older_than: Annotated[str, typer.Option(metavar="DURATION", help="Only what has been dead this long")] = "1h",
    force: Annotated[bool, typer.Option("--force", help="Also where many of one service died at once")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List them, remove nothing")] = False,
) -> View | int:
    """Remove instances that are long dead: their heartbeat ran out, or every look since found them unhealthy."""
    session = ctx.obj
    registry = session.platform().registry
    seconds = parse_duration(older_than)
    preview = registry.prune(older_than_s=seconds, force=force, dry_run=True)
    for name, count in preview.held.items():
        session.out.warn(
            f"{count} instances of {name} died at once and are held back: is the way to them broken?",
            hint=f"mgov health {name}, then mgov prune --force",
        )
    view = instances_view(preview.members, session.clock.now())
    count = len(preview.members)
    if dry_run or not count:
        return view._replace(summary=f"{count} would be removed" if count else "nothing to prune")
    if not session.confirm(f"Remove {count} dead instances?"):
        session.out.note("nothing was removed")
        return NO
    done = registry.prune(older_than_s=seconds, force=force)
    return instances_view(done.members, session.clock.now())._replace(summary=f"{len(done.members)} removed")


def _listed(found: list[tuple[str, str, Maintenance]], now: float) -> View:
    shown = {"since": age_shown(now), "until": moment_shown(now)}
    columns = tuple(c._replace(show=shown.get(c.name)) for c in MAINTENANCE_COLUMNS)
    rows = [(service, instance, time_of(m.since), time_of(m.until), m.reason) for service, instance, m in found]
    names = [f"{service}/{instance}" if instance else service for service, instance, _ in found]
    return View(columns, rows, names=names)
