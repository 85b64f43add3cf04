"""Health: what is checked, what was seen, and the status that follows.

An instance's status is derived at the moment of asking, never stored as such:

- under maintenance (its own or its service's): `maintenance`, whatever was seen;
- with a TTL whose heartbeat is missing or expired: `unhealthy`;
- with a check (http, https, tcp, tls): what the newest observation says, `starting` until there is one;
- without a check: its last heartbeat's word if it has a TTL, else `declared`.

Beside any of them stands `stale`: the newest observation is older than three intervals, so nobody knows.

Clocks jump. An observation that lies further ahead than two sweeps can overlap was made by a clock that was set back
since: it is stale, and the next one takes its place.
"""

from mgov.model.record import NamedTuple
from mgov.model.units import format_age, format_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

STARTING = "starting"
HEALTHY = "healthy"
DEGRADED = "degraded"
UNHEALTHY = "unhealthy"
MAINTENANCE = "maintenance"
DECLARED = "declared"
STATUSES = (STARTING, HEALTHY, DEGRADED, UNHEALTHY, MAINTENANCE, DECLARED)
MISSING = "missing"                             # of what was asked for and is not registered: no instance has it

USABLE = (HEALTHY, DECLARED)                    # what may serve a request; degraded only when none of these is left
DEFAULT_INTERVAL_S = 30.0
DEFAULT_TIMEOUT_S = 5.0
STALE_AFTER_INTERVALS = 3
OVERLAP_S = 600.0                               # how far one sweep's results may be ahead of another's
LATENCY_WEIGHT = 0.3                            # of the newest observation in the smoothed latency (EWMA)

_RANK = {UNHEALTHY: 1, DEGRADED: 2, HEALTHY: 3}

HTTP, HTTPS, TCP, TLS, GRPC, GRPCS, COMMAND, NONE = (
    "http", "https", "tcp", "tls", "grpc", "grpcs", "command", "none",
)  # fmt: skip


class Check(NamedTuple):
    """How an instance is looked at: `url` is absolute for http, https, tcp and tls, and empty for none.

    `expect` holds expectations as they were written (model.expectation); all must hold.
    """

    kind: str
    url: str = ""
    interval_s: float = DEFAULT_INTERVAL_S
    timeout_s: float = DEFAULT_TIMEOUT_S
    expect: "tuple[str, ...]" = ()


class Observation(NamedTuple):
    """What one probe saw. `latency_ms` is None when nothing answered; `evidence` holds phases and what was read."""

    status: str
    reason: str
    latency_ms: "float | None"
    checked_at: float
    evidence: "Mapping[str, Any]" = {}


class HealthRecord(NamedTuple):
    """What the store keeps of an instance's observations: the newest, since when, and its smoothed latency.

    `contrary_count` counts the newest observations in a row that spoke against `status` and were too few to change it.
    """

    status: str
    since: float
    checked_at: float
    reason: str = ""
    latency_ms: "float | None" = None
    contrary_count: int = 0


class Heartbeat(NamedTuple):
    """The newest beat of an instance with a TTL: its own word on its status, and when it stops counting."""

    at: float
    expires_at: float
    status: str = HEALTHY
    note: str = ""


class Health(NamedTuple):
    """The answer to "is it well": a status, whether it is too old to trust, and why.

    `checked_at` is None when nothing was ever seen; `since` is when the status was entered, if known.
    """

    status: str
    stale: bool
    reason: str
    checked_at: "float | None"
    latency_ms: "float | None"
    since: "float | None" = None


def jittered(interval_s: float, draw: float) -> float:
    """`interval_s` and up to a tenth less or more (`draw` in [0, 1) decides): so that many watchers spread out."""
    return interval_s * (0.9 + 0.2 * draw)


def is_ahead(at: float, now: float) -> bool:
    """Whether a time was given by a clock that was set back since: no two sweeps are so far apart."""
    return at > now + OVERLAP_S


def fold(record: "HealthRecord | None", seen: Observation, *, rise: int = 1, fall: int = 1) -> HealthRecord:
    """The record after `seen`. An observation older than the record changes nothing (two sweeps may overlap).

    The status gets better after `rise` and worse after `fall` observations in a row that say so; the first
    observation of all counts at once.
    """
    if record is not None and seen.checked_at < record.checked_at:
        if not is_ahead(record.checked_at, seen.checked_at):
            return record
        record = record._replace(since=min(record.since, seen.checked_at))
    before = record.latency_ms if record is not None else None
    if seen.latency_ms is None:
        latency = before
    elif before is None:
        latency = seen.latency_ms
    else:
        latency = before + LATENCY_WEIGHT * (seen.latency_ms - before)
    if record is None:
        return HealthRecord(seen.status, seen.checked_at, seen.checked_at, seen.reason, latency)
    if seen.status == record.status:
        return HealthRecord(seen.status, record.since, seen.checked_at, seen.reason, latency)
    needed = rise if _RANK.get(seen.status, 0) > _RANK.get(record.status, 0) else fall
    count = record.contrary_count + 1
    if count < needed:
        reason = f"{record.status} until {needed} in a row say {seen.status} ({count} so far: {seen.reason})"
        return HealthRecord(record.status, record.since, seen.checked_at, reason, latency, count)
    return HealthRecord(seen.status, seen.checked_at, seen.checked_at, seen.reason, latency)


def judge(
    check: Check,
    *,
    now: float,
    record: "HealthRecord | None" = None,
    maintenance: "str | None" = None,
    ttl_s: "float | None" = None,
    heartbeat: "Heartbeat | None" = None,
) -> Health:
    """The health of an instance at `now`, by the rules at the head of this file.

    `record.checked_at` is the moment that the record was last confirmed; `maintenance` is its reason ('' if none was
    given) or None outside maintenance.
    """
    checked_at = record.checked_at if record is not None else None
    latency_ms = record.latency_ms if record is not None else None
    if maintenance is not None:
        return Health(MAINTENANCE, False, maintenance, checked_at, latency_ms)
    if ttl_s is not None:
        beat_at = heartbeat.at if heartbeat is not None else None
        if heartbeat is None or heartbeat.expires_at <= now:
            return Health(UNHEALTHY, False, _missed(ttl_s, heartbeat, now), beat_at, None,
                          heartbeat.expires_at if heartbeat is not None else None)
        if check.kind == NONE or heartbeat.status != HEALTHY:
            return Health(heartbeat.status, False, heartbeat.note, beat_at, None)
    if check.kind == NONE:
        return Health(DECLARED, False, "no check", None, None)
    if record is None:
        return Health(STARTING, True, "not checked yet", None, None)
    is_old = now - record.checked_at > STALE_AFTER_INTERVALS * check.interval_s
    stale = is_old or is_ahead(record.checked_at, now)
    return Health(record.status, stale, record.reason, checked_at, latency_ms, record.since)


def _missed(ttl_s: float, heartbeat: "Heartbeat | None", now: float) -> str:
    if heartbeat is None:
        return f"no heartbeat yet (ttl {format_duration(ttl_s)})"
    return f"no heartbeat for {format_age(now - heartbeat.at)} (ttl {format_duration(ttl_s)})"
