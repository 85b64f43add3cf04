"""services, instances, show, stats: what is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mgov.cli.options import Context, command
from mgov.cli.output import Column, View
from mgov.cli.rows import (
    dependency_json,
    dependency_text,
    instance_columns,
    instances_view,
    member_json,
    service_columns,
    services_view,
    status_text,
    time_of,
)
from mgov.model.units import format_age, format_duration

if TYPE_CHECKING:
    from mgov.governance.fleet import Member
    from mgov.governance.registry import Details

Glob = Annotated[str, typer.Argument(metavar="GLOB", help="Services whose name matches, such as 'ord*'")]
Tags = Annotated[list[str] | None, typer.Option(metavar="TAG", help="Only with this tag; repeat for more")]
STATS_COLUMNS = (Column("service"), Column("total", "right"), Column("healthy", "right"), Column("unhealthy", "right"))
SHOW_COLUMNS = (Column("field"), Column("value"))


@command("mgov services 'ord*' --owner shop", columns=service_columns())
def services(
    ctx: Context,
    glob: Glob = "*",
    tag: Tags = None,
    owner: Annotated[str, typer.Option(metavar="TEAM", help="Only of this owner")] = "",
    search: Annotated[str, typer.Option(metavar="TEXT", help="Only with this in name, title or description")] = "",
) -> View:
    """List services with the count of their instances."""
    return services_view(ctx.obj.platform().registry.services(glob, tags=tag or (), owner=owner, search=search))


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
    found = session.platform().registry.instances(glob, tags=tag or (), status=status, region=region)
    return instances_view(found, session.clock.now())


@command("mgov stats -o json", columns=STATS_COLUMNS)
def stats(ctx: Context) -> View:
    """Count services and instances, all and healthy."""
    counts = ctx.obj.platform().registry.statistics()
    rows = [(name, c["total"], c["healthy"], c["unhealthy"]) for name, c in sorted(counts["services"].items())]
    summary = (
        f"{counts['total_services']} services, {counts['total_instances']} instances, "
        f"{counts['healthy_instances']} healthy"
    )
    return View(STATS_COLUMNS, rows, counts, summary=summary)


@command("mgov show orders", "mgov show orders 127.0.0.1-8080 -o json", columns=SHOW_COLUMNS)
def show(
    ctx: Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The service")],
    instance: Annotated[str | None, typer.Argument(metavar="INSTANCE", help="Only this instance of it")] = None,
) -> View:
    """Show everything about a service: definition, instances, checks, dependencies both ways, endpoints."""
    session = ctx.obj
    registry = session.platform().registry
    if instance is not None:
        member = registry.instance(name, instance)
        return View(SHOW_COLUMNS, _member_rows(member, session.clock.now()), member_json(member), has_header=False)
    details = registry.show(name)
    now = session.clock.now()
    return View(SHOW_COLUMNS, _rows(details, now), _document(details, now), has_header=False)


def _rows(details: Details, now: float) -> list[tuple[str, str]]:
    service = details.service
    rows = [("name", service.name)]
    rows += [
        (field, text)
        for field in ("title", "version", "description", "owner", "domain", "tier")
        if (text := getattr(service, field))
    ]
    rows += [(field, ", ".join(items)) for field in ("tags", "datastores") if (items := getattr(service, field))]
    rows += [(f"metadata {key}", text) for key, text in service.metadata.items()]
    rows += [("depends on", dependency_text(d)) for d in service.dependencies]
    rows += [("needed by", name) for name in details.dependents]
    rows += [("endpoint", endpoint) for endpoint in service.api]
    if service.schema:
        properties = service.schema.get("properties")
        rows.append(("schema", ", ".join(properties if isinstance(properties, dict) else service.schema)))
    if details.maintenance is not None and details.maintenance.is_active(now):
        rows.append(("maintenance", details.maintenance.reason or "no reason given"))
    rows += [("instance", _member_line(member, now)) for member in details.members]
    rows.append(("revision", details.revision or "none: only instances are registered"))
    return rows


def _member_line(member: Member, now: float) -> str:
    health = member.health
    seen = f", {format_age(now - health.checked_at)} ago" if health.checked_at is not None else ""
    reason = f" ({health.reason})" if health.reason else ""
    return f"{member.instance.id}  {member.instance.url or 'no address'}  {status_text(health)}{reason}{seen}"


def _member_rows(member: Member, now: float) -> list[tuple[str, str]]:
    instance, health = member.instance, member.health
    rows: list[tuple[str, Any]] = [
        ("service", instance.service),
        ("id", instance.id),
        ("url", instance.url),
        ("status", status_text(health)),
        ("reason", health.reason),
        ("since", f"{format_age(now - health.since)} ago" if health.since is not None else ""),
        ("checked", f"{format_age(now - health.checked_at)} ago" if health.checked_at is not None else ""),
        ("latency", f"{health.latency_ms:.1f} ms" if health.latency_ms is not None else ""),
        ("check", f"{instance.check.kind} {instance.check.url}".strip()),
        ("interval", format_duration(instance.check.interval_s)),
        ("timeout", format_duration(instance.check.timeout_s)),
        ("ttl", format_duration(instance.ttl_s) if instance.ttl_s is not None else ""),
        ("version", instance.version),
        ("region", instance.region),
        ("zone", instance.zone),
        ("weight", str(instance.weight)),
        ("tags", ", ".join(instance.tags)),
        ("origin", instance.origin),
        ("registered", time_of(instance.registered_at)),
        ("revision", member.revision),
    ]
    rows += [(f"metadata {key}", text) for key, text in instance.metadata.items()]
    return [(field, text) for field, text in rows if text]


def _document(details: Details, now: float) -> dict[str, Any]:
    service, held = details.service, details.maintenance
    return {
        "name": service.name,
        "title": service.title,
        "version": service.version,
        "description": service.description,
        "owner": service.owner,
        "domain": service.domain,
        "tier": service.tier,
        "tags": list(service.tags),
        "metadata": dict(service.metadata),
        "datastores": list(service.datastores),
        "dependencies": [dependency_json(d) for d in service.dependencies],
        "dependents": list(details.dependents),
        "api": list(service.api),
        "schema": dict(service.schema),
        "origin": service.origin,
        "maintenance": {"since": time_of(held.since), "until": time_of(held.until), "reason": held.reason}
        if held is not None and held.is_active(now)
        else None,
        "instances": [member_json(member) for member in details.members],
        "revision": details.revision,
    }
