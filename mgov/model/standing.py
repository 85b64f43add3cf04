"""What the instances of a service are together: its status, since when, why, and how old that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.model.health import DEGRADED, HEALTHY, STARTING, UNHEALTHY
from mgov.model.picture import status_together
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mgov.model.health import Health


class Standing(NamedTuple):
    """A service as it is known. `status` is as `model.picture` says, `counts` holds how many instances have which.

    `since` is when the status was entered as far as that is known: when the last instance that served went, the first
    one got worse, the last one got well. `reason` is that of `worst`, the instance that was worse for longest.
    `checked_at` is the oldest look at those that decide it, `is_stale` says that one of them is too old to trust.
    """

    service: str
    status: str
    counts: Mapping[str, int] = {}
    since: float | None = None
    reason: str = ""
    worst: str = ""
    checked_at: float | None = None
    is_stale: bool = False

    @property
    def total(self) -> int:
        """How many instances there are."""
        return sum(self.counts.values())

    @property
    def is_failing(self) -> bool:
        """Whether nothing is left that serves."""
        return self.status == UNHEALTHY

    @property
    def is_troubled(self) -> bool:
        """Whether it fails, or part of it does."""
        return self.status in (UNHEALTHY, DEGRADED)


def standing_of(service: str, healths: Sequence[tuple[str, Health]]) -> Standing:
    """The standing of a service with these instances, by id."""
    counts: dict[str, int] = {}
    for _, health in healths:
        counts[health.status] = counts.get(health.status, 0) + 1
    status = status_together(counts)
    bad = (UNHEALTHY,) if UNHEALTHY in counts else (DEGRADED,)
    deciding = [(key, h) for key, h in healths if h.status in (bad if status in (UNHEALTHY, DEGRADED) else (status,))]
    times = [health.since for _, health in deciding if health.since is not None]
    seen = [health.checked_at for _, health in deciding if health.checked_at is not None]
    worst, reason = "", ""
    if status in (UNHEALTHY, DEGRADED):
        worst, health = min(deciding, key=lambda one: (one[1].since is None, one[1].since or 0.0, one[0]))
        reason = health.reason
    since = (min(times) if status == DEGRADED else max(times)) if times else None
    is_stale = any(health.stale for _, health in deciding if health.status != STARTING)
    return Standing(service, status, counts, since, reason, worst, min(seen, default=None), is_stale)


def statistics_of(standings: Iterable[Standing]) -> dict[str, Any]:
    """{total_services, total_instances, healthy_instances, services: {NAME: {total, healthy, unhealthy}}}."""
    services = {
        s.service: {"total": s.total, "healthy": s.counts.get(HEALTHY, 0), "unhealthy": s.counts.get(UNHEALTHY, 0)}
        for s in standings
    }
    return {
        "total_services": len(services),
        "total_instances": sum(counts["total"] for counts in services.values()),
        "healthy_instances": sum(counts["healthy"] for counts in services.values()),
        "services": services,
    }
