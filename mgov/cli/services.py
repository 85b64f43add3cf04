"""services, instances, stats: what is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mgov.cli.options import Context, command
from mgov.cli.rows import (
    instance_columns,
    instances_view,
    service_columns,
    services_view,
)
from mgov.cli.view import Column, View
from mgov.governance.fleet import suggest_service

if TYPE_CHECKING:
    from mgov.governance.platform import Platform

Glob = Annotated[str, typer.Argument(metavar="GLOB", help="Services whose name matches, such as 'ord*'")]
Tags = Annotated[list[str] | None, typer.Option(metavar="TAG", help="Only with this tag; repeat for more")]
STATS_COLUMNS = (Column("service"), Column("total", "right"), Column("healthy", "right"), Column("unhealthy", "right"))


@command("mgov services 'ord*' --owner shop", columns=service_columns())
def services(
    ctx: Context,
    glob: Glob = "*",
    tag: Tags = None,
    owner: Annotated[str, typer.Option(metavar="TEAM", help="Only of this owner")] = "",
    search: Annotated[str, typer.Option(metavar="TEXT", help="Only with this in name, title or description")] = "",
) -> View:
    """List services with the count of their instances."""
    platform = ctx.obj.platform()
    found = platform.registry.services(glob, tags=tag or (), owner=owner, search=search)
    return services_view(found, summary="" if found else _nobody(platform, "service", glob))


@command("mgov instances orders --status unhealthy", columns=instance_columns())
def instances(
    ctx: Context,
    glob: Glob = "*",
    tag: Tags = None,
    status: Annotated[str, typer.Option(metavar="STATUS", help="Only with this status")] = "",
    region: Annotated[str, typer.Option(metavar="TEXT", help="Only in this region")] = "",
) -> View:
    """List instances with their health as last seen."""
    session = ctx.obj
    platform = session.platform()
    found = platform.registry.instances(glob, tags=tag or (), status=status, region=region)
    summary = "" if found else _nobody(platform, "instance", glob)
    return instances_view(found, session.clock.now(), summary=summary)


def _nobody(platform: Platform, what: str, glob: str) -> str:
    """What a list without rows says: how to begin, or the name that was most likely meant."""
    if not (platform.store.keys("service/") or platform.registry.instances()):
        return "nothing is registered; next: mgov register NAME URL"
    near = "" if platform.registry.services(glob) else suggest_service(platform.store, glob, "")
    return f"no {what} matches{near and f'; {near}'}"


@command("mgov stats -o json", columns=STATS_COLUMNS)
def stats(ctx: Context) -> View:
    """Count services and instances, all and healthy."""
    counts = ctx.obj.platform().registry.statistics()
    rows = [(name, c["total"], c["healthy"], c["unhealthy"]) for name, c in sorted(counts["services"].items())]
    services, instances = counts["total_services"], counts["total_instances"]
    summary = (
        f"{services} service{'' if services == 1 else 's'}, {instances} instance{'' if instances == 1 else 's'}, "
        f"{counts['healthy_instances']} healthy"
    )
    return View(STATS_COLUMNS, rows, counts, summary=summary)
