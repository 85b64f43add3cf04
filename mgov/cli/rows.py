"""How the fleet's records become rows: one place for the columns that several commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.cli.text import DIM, GREEN, RED, YELLOW
from mgov.cli.times import age_shown, local_time, time_of
from mgov.cli.view import Column, View
from mgov.model.health import DECLARED, DEGRADED, HEALTHY, MAINTENANCE, STARTING, UNHEALTHY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgov.governance.checked import Checked
    from mgov.governance.fleet import Member
    from mgov.governance.outcomes import Outcome
    from mgov.governance.registry import Registered
    from mgov.model.health import Health
    from mgov.model.service import Dependency, Service

_STYLES = {
    HEALTHY: GREEN, UNHEALTHY: RED, DEGRADED: YELLOW, STARTING: YELLOW, MAINTENANCE: DIM, DECLARED: DIM,
    "created": GREEN, "changed": YELLOW, "removed": RED, "pruned": RED, "unchanged": DIM,
}  # fmt: skip


def style(word: Any) -> str | None:
    """The colour of a status or an action; what stands behind the word ("healthy, stale") does not matter."""
    return _STYLES.get(str(word).partition(",")[0])


def service_columns() -> tuple[Column, ...]:
    """The columns of `services`."""
    return (
        Column("name", cut_rank=2),
        Column("version"),
        Column("owner"),
        Column("instances", "right"),
        Column("healthy", "right"),
        Column("tags", show=_joined),
        Column("title", cut_rank=0),
        Column("dependencies", show=_joined, is_wide_only=True),
        Column("revision", "right", is_wide_only=True),
    )


def services_view(found: Sequence[Registered], *, summary: str = "") -> View:
    """The answer of `services`."""
    rows = [
        (
            r.service.name, r.service.version, r.service.owner, r.instance_count, r.healthy_count,
            ",".join(r.service.tags), r.service.title,
            ",".join(dependency_text(d) for d in r.service.dependencies), r.revision,
        )
        for r in found
    ]  # fmt: skip
    return View(service_columns(), rows, [service_json(r) for r in found], summary=summary)


def service_json(found: Registered) -> dict[str, Any]:
    """One service as scripts read it."""
    return {
        **definition_json(found.service),
        "instance_count": found.instance_count,
        "healthy_count": found.healthy_count,
        "revision": found.revision,
    }


def definition_json(service: Service) -> dict[str, Any]:
    """What people own of a service as scripts read it, without its endpoints and schema."""
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
        "limit": {"rate": service.limit.rate, "burst": service.limit.burst} if service.limit is not None else None,
        "origin": service.origin,
    }


def dependency_json(dependency: Dependency) -> dict[str, Any]:
    """One dependency as scripts read it."""
    return {"name": dependency.name, "type": dependency.type, "optional": dependency.is_optional}


def dependency_text(dependency: Dependency) -> str:
    """One dependency as `--depends-on` takes it."""
    from mgov.model.service import SYNCHRONOUS

    kind = "" if dependency.type == SYNCHRONOUS else ":async"
    return f"{dependency.name}{kind}{':optional' if dependency.is_optional else ''}"


def instance_columns(now: float = 0.0) -> tuple[Column, ...]:
    """The columns of `instances` and `discover`; `now` is what ages are counted from in a table."""
    return (
        Column("service", cut_rank=2),
        Column("id"),
        Column("url", cut_rank=0),
        Column("status", style=style, cut_rank=2),
        Column("checked_at", show=age_shown(now)),
        Column("reason"),
        Column("latency_ms", "right", is_wide_only=True),
        Column("region", is_wide_only=True),
        Column("zone", is_wide_only=True),
        Column("version", is_wide_only=True),
        Column("weight", "right", is_wide_only=True),
        Column("tags", show=_joined, is_wide_only=True),
        Column("origin", is_wide_only=True),
    )


def instances_view(members: Sequence[Member], now: float, *, summary: str = "") -> View:
    """The answer of `instances` and `discover`."""
    rows = [
        (
            m.instance.service, m.instance.id, m.instance.url, status_text(m.health), time_of(m.health.checked_at),
            m.health.reason, _rounded(m.health.latency_ms), m.instance.region, m.instance.zone, m.instance.version,
            m.instance.weight, ",".join(m.instance.tags), m.instance.origin,
        )
        for m in members
    ]  # fmt: skip
    names = [f"{m.instance.service}/{m.instance.id}" for m in members]
    return View(
        instance_columns(now), rows, lambda: [member_json(m) for m in members], names=names, summary=summary
    )


def member_json(member: Member) -> dict[str, Any]:
    """One instance with its health as scripts read it."""
    instance, health = member.instance, member.health
    return {
        "service": instance.service,
        "id": instance.id,
        "host": instance.host,
        "port": instance.port,
        "protocol": instance.protocol,
        "url": instance.url,
        "status": health.status,
        "stale": health.stale,
        "reason": health.reason,
        "checked_at": time_of(health.checked_at),
        "since": time_of(health.since),
        "latency_ms": _rounded(health.latency_ms),
        "region": instance.region,
        "zone": instance.zone,
        "version": instance.version,
        "weight": instance.weight,
        "tags": list(instance.tags),
        "metadata": dict(instance.metadata),
        "check": {
            "kind": instance.check.kind,
            "url": instance.check.url,
            "interval_s": instance.check.interval_s,
            "timeout_s": instance.check.timeout_s,
        },
        "ttl_s": instance.ttl_s,
        "origin": instance.origin,
        "registered_at": time_of(instance.registered_at),
        "last_heartbeat_at": time_of(member.heartbeat.at if member.heartbeat is not None else None),
        "revision": member.revision,
    }


def health_columns(now: float = 0.0, *, is_url_name: bool = False) -> tuple[Column, ...]:
    """The columns of `health`; `is_url_name` where a target has no other name, so that it must not be cut first."""
    return (
        Column("service", cut_rank=2, is_optional=True),    # bare URLs have neither
        Column("instance", is_optional=True),
        Column("status", style=style, cut_rank=2),
        Column("latency_ms", "right"),
        Column("reason"),
        Column("url", cut_rank=1 if is_url_name else 0),
        Column("checked_at", show=age_shown(now), is_wide_only=True),
        Column("phases", is_wide_only=True),
        Column("up_24h", "right", is_wide_only=True),
        Column("p95_ms", "right", is_wide_only=True),
        Column("last_results", is_wide_only=True),
        Column("up_1h", "right", is_wide_only=True),
        Column("up_7d", "right", is_wide_only=True),
        Column("p50_ms", "right", is_wide_only=True),
        Column("p99_ms", "right", is_wide_only=True),
        Column("changed_at", show=age_shown(now), is_wide_only=True),
    )


TRANSITION_COLUMNS = (                          # what --watch prints of each change where no table is drawn
    Column("at", show=local_time),
    Column("target"),
    Column("before", style=style),
    Column("status", style=style),
    Column("reason"),
)


def health_view(
    results: Sequence[Checked], now: float, history_of: Callable[[Checked], tuple[Any, ...]] | None = None
) -> View:
    """The answer of `health`. `history_of` gives the columns behind `phases`, where they are shown."""
    return View(
        health_columns(now, is_url_name=not all(result.service for result in results)),
        lambda: [(*health_row(r), *(history_of(r) if history_of is not None else _NO_HISTORY)) for r in results],
        lambda: [checked_json(result) for result in results],
        names=[result.name for result in results],
    )


def health_row(result: Checked) -> tuple[Any, ...]:
    """One result as a row of `health_columns`, without its history."""
    health = result.health
    phases = [f"{key[:-3]}={value}" for key, value in result.evidence.items() if key.endswith("_ms")]
    return (
        result.service, result.instance, status_text(health), _rounded(health.latency_ms), health.reason, result.url,
        time_of(health.checked_at), " ".join(phases),
    )  # fmt: skip


_NO_HISTORY = (None,) * 8


def checked_json(result: Checked) -> dict[str, Any]:
    """One result as scripts read it."""
    health = result.health
    return {
        "service": result.service or None,
        "instance": result.instance or None,
        "url": result.url,
        "status": health.status,
        "stale": health.stale,
        "reason": health.reason,
        "latency_ms": _rounded(health.latency_ms),
        "checked_at": time_of(health.checked_at),
        "evidence": dict(result.evidence),
    }


OUTCOME_COLUMNS = (
    Column("action", style=style),
    Column("service"),
    Column("instance"),
    Column("revision", "right"),
)


def outcomes_view(outcomes: Sequence[Outcome], *, summary: str = "") -> View:
    """The answer of a command that changes the registry."""
    return View(
        OUTCOME_COLUMNS,
        [(o.action, o.service, o.instance, o.revision) for o in outcomes],
        [{**o._asdict(), "instance": o.instance or None} for o in outcomes],
        names=[f"{o.service}/{o.instance}" if o.instance else o.service for o in outcomes],
        summary=summary,
    )


def status_text(health: Health) -> str:
    """The status in words, with `stale` beside it."""
    return f"{health.status}, stale" if health.stale and health.status != STARTING else health.status


def _rounded(latency_ms: float | None) -> float | None:
    return round(latency_ms, 1) if latency_ms is not None else None


def _joined(text: Any) -> str:
    return str(text).replace(",", ", ")
