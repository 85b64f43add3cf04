"""The monitor: is it well. Sweeps instances, and keeps what it saw.

A sweep rewrites a service's health document only where a status changed, or once a minute; that the rest was
confirmed is one line in the `sweep` document. A sweep of services by name writes their documents each time, so that
the list of looks stays short. Two sweeps at once leave the newer observation of each instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mgov.errors import NotFound
from mgov.governance.fleet import Look, Member, all_members, looks_in, members_of, suggest_service
from mgov.model.health import (
    DEFAULT_TIMEOUT_S,
    MAINTENANCE,
    NONE,
    UNHEALTHY,
    Check,
    Health,
    HealthRecord,
    Observation,
    fold,
    judge,
    parse_check_url,
)
from mgov.model.measurement import Measurement, observe
from mgov.model.names import check_name, is_glob
from mgov.net.probe import Target
from mgov.net.sweep import sweep, sweep_now
from mgov.store.base import ABSENT, Write, update, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mgov.clock import Clock
    from mgov.net.sweep import OnResult, ProbeAll
    from mgov.store.base import Store

    OnChecked = Callable[["Checked"], None]

REWRITE_AFTER_S = 60.0
KEPT_LOOKS = 16
EVERYTHING = "*"


class Checked(NamedTuple):
    """One target after a sweep. `service` and `instance` are '' for a bare URL.

    `is_local` says that this machine could not probe it: `health` is then what was known before, marked stale.
    `evidence` holds the phases in milliseconds and what was read, for a target that was probed.
    """

    service: str
    instance: str
    url: str
    health: Health
    evidence: Mapping[str, Any] = {}
    is_local: bool = False

    @property
    def is_failing(self) -> bool:
        """Whether it keeps the answer from being "all is well"."""
        return self.health.status == UNHEALTHY or self.is_local


class _Job(NamedTuple):
    """A sweep before it runs: who is looked at, and which of them are probed.

    `seen_at` is filled as the targets answer, for a sweep may last long and overlap with another.
    """

    patterns: tuple[str, ...]
    started_at: float
    members: list[Member]
    probed: list[int]
    targets: list[Target]
    seen_at: list[float]


class Monitor:
    """Sweeps the instances of a store. Times are seconds since the epoch, durations seconds."""

    def __init__(self, store: Store, clock: Clock, probe_all: ProbeAll = sweep_now) -> None:
        """`probe_all` probes targets for `sweep`; `sweep_async` always uses the engine itself."""
        self._store, self._clock, self._probe_all = store, clock, probe_all

    def sweep(
        self,
        patterns: Sequence[str] = (),
        *,
        timeout_s: float | None = None,
        concurrency: int | None = None,
        on_checked: OnChecked | None = None,
    ) -> list[Checked]:
        """Look at every instance of the services that match (all, if no pattern is given), and keep what was seen.

        In the order of services and ids. `timeout_s` takes the place of each check's own. `on_checked` is told each
        result as it comes. NotFound for a name that no service has; an empty list when nothing is registered.
        """
        job = self._job(patterns, timeout_s)
        seen = self._probe_all(job.targets, concurrency=concurrency, on_result=self._relay(job, on_checked))
        return self._keep(job, seen)

    async def sweep_async(
        self,
        patterns: Sequence[str] = (),
        *,
        timeout_s: float | None = None,
        concurrency: int | None = None,
        on_checked: OnChecked | None = None,
    ) -> list[Checked]:
        """As `sweep`, in the running event loop; only reading and writing the store happen in a thread."""
        import asyncio

        job = await asyncio.to_thread(self._job, patterns, timeout_s)
        seen = await sweep(job.targets, concurrency=concurrency, on_result=self._relay(job, on_checked))
        return await asyncio.to_thread(self._keep, job, seen)

    def last_looks(self) -> list[Look]:
        """The newest sweep over each pattern, newest first; sweeps of single services leave none."""
        return looks_in(self._store.read("sweep"))

    # -- inside

    def _job(self, patterns: Sequence[str], timeout_s: float | None) -> _Job:
        now = self._clock.now()
        wanted = tuple(dict.fromkeys(patterns)) or (EVERYTHING,)
        members: dict[str, Member] = {}
        for pattern in wanted:
            for member in self._matching(pattern, now):
                members[member.instance.key] = member
        chosen = [members[key] for key in sorted(members, key=lambda key: key.split("/"))]
        probed = [i for i, m in enumerate(chosen) if m.instance.check.kind != NONE and m.health.status != MAINTENANCE]
        targets = [
            Target(chosen[i].instance.check.url, timeout_s or chosen[i].instance.check.timeout_s) for i in probed
        ]
        return _Job(wanted, now, chosen, probed, targets, [now] * len(targets))

    def _matching(self, pattern: str, now: float) -> Iterable[Member]:
        if is_glob(pattern):
            found = list(all_members(self._store, now=now, pattern=pattern))
            if not found and pattern != EVERYTHING:
                raise NotFound(f"no instance of a service that matches {pattern!r:.80}", hint="mgov services")
            return found
        check_name(pattern)
        members = members_of(self._store, pattern, now=now)
        if not members and self._store.read(f"service/{pattern}") is None:
            raise NotFound(f"no service {pattern}", hint=suggest_service(self._store, pattern))
        return members

    def _relay(self, job: _Job, on_checked: OnChecked | None) -> OnResult:
        def relay(index: int, seen: Measurement) -> None:
            job.seen_at[index] = at = self._clock.now()
            if on_checked is not None:
                on_checked(_checked(job.members[job.probed[index]], seen, at))

        return relay

    def _keep(self, job: _Job, seen: Sequence[Measurement]) -> list[Checked]:
        at = self._clock.now()
        by_index = dict(zip(job.probed, zip(seen, job.seen_at, strict=True), strict=True))
        results = []
        observed: dict[str, dict[str, Observation]] = {}
        spoiled: set[str] = set()
        for index, member in enumerate(job.members):
            instance = member.instance
            if index not in by_index:
                results.append(_unprobed(member))
                if instance.check.kind != NONE:
                    spoiled.add(instance.service)
                continue
            measurement, seen_at = by_index[index]
            results.append(_checked(member, measurement, seen_at))
            if measurement.is_local:
                spoiled.add(instance.service)
            else:
                seen_now = observe(instance.check, measurement, at=seen_at)
                observed.setdefault(instance.service, {})[instance.id] = seen_now
        self._write_health(job, observed, spoiled, at)
        self._write_looks(job, results, spoiled, at)
        return results

    def _write_health(
        self, job: _Job, observed: dict[str, dict[str, Observation]], spoiled: set[str], at: float
    ) -> None:
        present: dict[str, set[str]] = {}
        for member in job.members:
            present.setdefault(member.instance.service, set()).add(member.instance.id)
        by_name = {pattern for pattern in job.patterns if not is_glob(pattern)}
        writes = []
        for service, seen in observed.items():
            document = self._store.read(f"health/{service}")
            value = _folded(value_of(document), seen, present[service], at)
            must = service in by_name or service in spoiled
            if must or document is None or _is_news(document.value, value, at):
                expect = document.revision if document is not None else ABSENT
                writes.append((service, seen, Write(f"health/{service}", value, expect)))
        for (service, seen, _), is_lost in zip(writes, self._try_all([w for _, _, w in writes]), strict=True):
            if is_lost:
                update(
                    self._store,
                    f"health/{service}",
                    lambda before, seen=seen, service=service: _folded(before or {}, seen, present[service], at),  # type: ignore[misc]
                    operation="sweep",
                )

    def _try_all(self, writes: list[Write]) -> list[bool]:
        from mgov.errors import Conflict

        try:
            self._store.write_many(writes, operation="sweep")
        except Conflict:
            return [True] * len(writes)
        return [False] * len(writes)

    def _write_looks(self, job: _Job, results: list[Checked], spoiled: set[str], at: float) -> None:
        failed_count = sum(result.health.status == UNHEALTHY for result in results)
        new = [
            Look(pattern, job.started_at, at, len(results), failed_count, sorted(spoiled))._asdict()
            for pattern in job.patterns
            if is_glob(pattern)
        ]
        if not new:
            return

        def change(before: dict[str, Any] | None) -> dict[str, Any]:
            patterns = {look["pattern"] for look in new}
            kept = [look for look in (before or {}).get("looks", ()) if look["pattern"] not in patterns]
            return {"looks": [*new, *kept][:KEPT_LOOKS]}

        update(self._store, "sweep", change, operation="sweep")


def check_urls(
    urls: Sequence[str],
    *,
    clock: Clock,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    concurrency: int | None = None,
    on_checked: OnChecked | None = None,
) -> list[Checked]:
    """Look at bare URLs (http, https, tcp), in their order; needs no store and keeps nothing."""
    checks = [parse_check_url(url, timeout_s=timeout_s) for url in urls]

    def relay(index: int, seen: Measurement) -> None:
        if on_checked is not None:
            on_checked(_checked_url(checks[index], seen, clock.now()))

    seen = sweep_now([Target(check.url, check.timeout_s) for check in checks], concurrency=concurrency, on_result=relay)
    at = clock.now()
    return [_checked_url(check, measurement, at) for check, measurement in zip(checks, seen, strict=True)]


def _checked_url(check: Check, seen: Measurement, at: float) -> Checked:
    if seen.is_local:
        health = Health(UNHEALTHY, True, f"could not be probed from here: {seen.detail}", None, None)
        return Checked("", "", check.url, health, is_local=True)
    observation = observe(check, seen, at=at)
    return Checked("", "", check.url, _health_of(observation), observation.evidence)


def _checked(member: Member, seen: Measurement, at: float) -> Checked:
    instance = member.instance
    if seen.is_local:
        health = member.health._replace(stale=True, reason=f"could not be probed from here: {seen.detail}")
        return Checked(instance.service, instance.id, instance.check.url, health, is_local=True)
    observation = observe(instance.check, seen, at=at)
    health = judge(
        instance.check,
        now=at,
        record=fold(None, observation),
        ttl_s=instance.ttl_s,
        heartbeat=member.heartbeat,
    )
    return Checked(instance.service, instance.id, instance.check.url, health, observation.evidence)


def _unprobed(member: Member) -> Checked:
    instance = member.instance
    return Checked(instance.service, instance.id, instance.check.url or instance.url, member.health)


def _health_of(seen: Observation) -> Health:
    return Health(seen.status, False, seen.reason, seen.checked_at, seen.latency_ms)


def _folded(
    before: Mapping[str, Any], seen: dict[str, Observation], present: set[str], at: float
) -> dict[str, Any]:
    records = {key: fields for key, fields in before.get("instances", {}).items() if key in present or key in seen}
    for instance_id, observation in seen.items():
        fields = records.get(instance_id)
        record = fold(HealthRecord(**fields) if fields is not None else None, observation)
        records[instance_id] = record._asdict()
    return {"written_at": at, "instances": dict(sorted(records.items()))}


def _is_news(before: Mapping[str, Any], after: Mapping[str, Any], at: float) -> bool:
    old = {key: (fields["status"], fields["since"]) for key, fields in before["instances"].items()}
    new = {key: (fields["status"], fields["since"]) for key, fields in after["instances"].items()}
    return old != new or at - before["written_at"] >= REWRITE_AFTER_S
