"""show: everything about one service, or one instance of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mgov.cli.options import Context, command
from mgov.cli.past import history_json, history_rows, past_rows
from mgov.cli.rows import definition_json, dependency_text, member_json, status_text
from mgov.cli.times import moment_shown, time_of
from mgov.cli.view import Column, View
from mgov.model.units import format_age, format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.governance.fleet import Member
    from mgov.governance.observed import Past
    from mgov.governance.registry import Details
    from mgov.model.healthpolicy import HealthPolicy

SHOW_COLUMNS = (Column("field"), Column("value"))


@command("mgov show orders", "mgov show orders 127.0.0.1-8080 -o json", columns=SHOW_COLUMNS)
def show(
    ctx: Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The service")],
    instance: Annotated[str | None, typer.Argument(metavar="INSTANCE", help="Only this instance of it")] = None,
) -> View:
    """Show everything about a service: definition, instances, checks, dependencies both ways, endpoints."""
    session = ctx.obj
    registry = session.platform().registry
    now = session.clock.now()
    if instance is not None:
        member = registry.instance(name, instance)
        past = session.platform().past(name).get(instance)
        document = {**member_json(member), "history": history_json(past, now)}
        rows = [*_member_rows(member, now), *history_rows(past, now, session.out.encoding)]
        columns = (SHOW_COLUMNS[0], SHOW_COLUMNS[1]._replace(show=moment_shown(now)))
        return View(columns, rows, document, has_header=False)
    details = registry.show(name)
    pasts = session.platform().past(name)
    configs = session.platform().configs.newest(name)
    document = {**_document(details, pasts, now), "configs": configs}
    return View(SHOW_COLUMNS, _rows(details, pasts, configs, now, session.out.encoding), document, has_header=False)


def _rows(
    details: Details, pasts: Mapping[str, Past], configs: Mapping[str, int], now: float, encoding: str
) -> list[tuple[str, str]]:
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
    if service.health is not None:
        rows.append(("checks", _policy_text(service.health)))
    if service.limit is not None:
        rows.append(("limit", f"{service.limit.rate}, burst {service.limit.burst}"))
    if service.schema:
        properties = service.schema.get("properties")
        rows.append(("schema", ", ".join(properties if isinstance(properties, dict) else service.schema)))
    if details.maintenance is not None and details.maintenance.is_active(now):
        rows.append(("maintenance", details.maintenance.reason or "no reason given"))
    for member in details.members:
        rows.append(("instance", _member_line(member, now)))
        rows += past_rows(member.instance.id, pasts.get(member.instance.id), now, encoding)
    rows += [("configuration", f"{environment} {number}") for environment, number in configs.items()]
    rows.append(("revision", details.revision or "none: only instances are registered"))
    return rows


def _policy_table(policy: HealthPolicy | None) -> dict[str, Any]:
    if policy is None:
        return {}
    from mgov.model.healthpolicy import health_policy_table

    return health_policy_table(policy)


def _policy_text(policy: HealthPolicy) -> str:
    said = [f"{key} {value}" for key, value in _policy_table(policy).items() if key not in ("expect", "insecure")]
    said += [f"expect {text}" for text in policy.expect]
    return ", ".join([*said, "certificates not verified"] if policy.insecure else said)


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


def _document(details: Details, pasts: Mapping[str, Past], now: float) -> dict[str, Any]:
    service, held = details.service, details.maintenance
    return {
        **definition_json(service),
        "dependents": list(details.dependents),
        "api": list(service.api),
        "schema": dict(service.schema),
        "health": _policy_table(service.health),
        "maintenance": {"since": time_of(held.since), "until": time_of(held.until), "reason": held.reason}
        if held is not None and held.is_active(now)
        else None,
        "instances": [
            {**member_json(m), "history": history_json(pasts.get(m.instance.id), now)} for m in details.members
        ],
        "revision": details.revision,
    }
