"""The monitor: is it well. Sweeps instances, and has what it saw kept (see `observed`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import NotFound
from mgov.governance.fleet import Look, Member, all_members, looks_in, members_of, suggest_service
from mgov.governance.observed import Observed, Seen, Thresholds
from mgov.model.health import (
    COMMAND,
    DEFAULT_TIMEOUT_S,
    GRPC,
    MAINTENANCE,
    NONE,
    UNHEALTHY,
    Check,
    Health,
    HealthRecord,
    Observation,
    expecting,
    fold,
    judge,
    parse_check_url,
)
from mgov.model.measurement import Measurement, observe
from mgov.model.names import check_name, is_glob
from mgov.model.record import NamedTuple
from mgov.net.probe import Target, Trust, target_of
from mgov.net.sweep import sweep, sweep_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mgov.clock import Clock
    from mgov.model.instance import Instance
    from mgov.model.result import Result
    from mgov.net.sweep import OnResult, ProbeAll
    from mgov.store.base import Store

    OnChecked = Callable[["Checked"], None]

EVERYTHING = "*"
ONE_SHOT = Thresholds()
WATCHING = Thresholds(rise=1, fall=3)          # one lost packet is no outage to who looks every few seconds


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
    def name(self) -> str:
        """What a person calls it: `service/instance`, or the URL."""
        return f"{self.service}/{self.instance}" if self.service else self.url

    @property
    def is_failing(self) -> bool:
        """Whether it keeps the answer from being "all is well"."""
        return self.health.status == UNHEALTHY or self.is_local

    def to_result(self) -> Result:
        """The record that reports are made of."""
        from mgov.model.result import Result

        health = self.health
        return Result(
            self.service,
            self.instance,
            self.url,
            health.status,
            health.reason,
            health.latency_ms,
            health.checked_at,
            self.evidence,
            self.is_local,
        )


class _Job(NamedTuple):
    """A sweep before it runs: who is looked at, and which of them are probed.

    `seen_at` is filled as the targets answer, for a sweep may last long and overlap with another. `refused` holds the
    keys of those whose command checks may not run here.
    """

    patterns: tuple[str, ...]
    started_at: float
    members: list[Member]
    probed: list[int]
    targets: list[Target]
    seen_at: list[float]
    refused: set[str]


def no_command(instances: Sequence[Instance]) -> set[str]:
    """The keys of all that have a command check: without anybody to ask, none is trusted."""
    return {instance.key for instance in instances if instance.check.kind == COMMAND}


class Monitor:
    """Sweeps the instances of a store. Times are seconds since the epoch, durations seconds."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        probe_all: ProbeAll = sweep_now,
        untrusted_among: Callable[[Sequence[Instance]], set[str]] = no_command,
    ) -> None:
        """`probe_all` probes targets for `sweep`; `sweep_async` always uses the engine itself.

        `untrusted_among` gives the keys of the instances whose command checks may not run [those with one].
        """
        self._store, self._clock, self._probe_all = store, clock, probe_all
        self._untrusted_among = untrusted_among
        self._observed = Observed(store)

    def sweep(
        self,
        patterns: Sequence[str] = (),
        *,
        timeout_s: float | None = None,
        most_s: float | None = None,
        concurrency: int | None = None,
        on_checked: OnChecked | None = None,
        thresholds: Thresholds = ONE_SHOT,
        trust: Trust | None = None,
    ) -> list[Checked]:
        """Look at every instance of the services that match (all, if no pattern is given), and keep what was seen.

        In the order of services and ids. `timeout_s` takes the place of each check's own, `most_s` caps whichever
        holds; `trust` holds the TLS options of this sweep. `on_checked` is told each result as it comes, before
        `thresholds` are applied. NotFound for a name that no service has; an empty list when nothing is registered.
        """
        job = self._job(patterns, timeout_s, most_s, trust)
        seen = self._probe_all(job.targets, concurrency=concurrency, on_result=self._relay(job, on_checked))
        return self._keep(job, seen, thresholds)

    async def sweep_async(
        self,
        patterns: Sequence[str] = (),
        *,
        timeout_s: float | None = None,
        most_s: float | None = None,
        concurrency: int | None = None,
        on_checked: OnChecked | None = None,
        thresholds: Thresholds = ONE_SHOT,
        trust: Trust | None = None,
    ) -> list[Checked]:
        """As `sweep`, in the running event loop; only reading and writing the store happen in a thread."""
        import asyncio

        job = await asyncio.to_thread(self._job, patterns, timeout_s, most_s, trust)
        seen = await sweep(job.targets, concurrency=concurrency, on_result=self._relay(job, on_checked))
        return await asyncio.to_thread(self._keep, job, seen, thresholds)

    def last_looks(self) -> list[Look]:
        """The newest sweep over each pattern, newest first; sweeps of single services leave none."""
        return looks_in(self._store.read("sweep"))

    # -- inside

    def _job(
        self, patterns: Sequence[str], timeout_s: float | None, most_s: float | None, trust: Trust | None
    ) -> _Job:
        now = self._clock.now()
        wanted = tuple(dict.fromkeys(patterns)) or (EVERYTHING,)
        members: dict[str, Member] = {}
        for pattern in wanted:
            for member in self._matching(pattern, now):
                members[member.instance.key] = member
        chosen = [members[key] for key in sorted(members, key=lambda key: key.split("/"))]
        refused = self._refused([m.instance for m in chosen])
        probed = [
            i
            for i, m in enumerate(chosen)
            if m.instance.check.kind != NONE and m.health.status != MAINTENANCE and m.instance.key not in refused
        ]
        targets = [_target(chosen[i].instance.check, timeout_s, most_s, trust) for i in probed]
        return _Job(wanted, now, chosen, probed, targets, [now] * len(targets), refused)

    def _refused(self, instances: Sequence[Instance]) -> set[str]:
        kinds = {instance.check.kind for instance in instances}
        if GRPC in kinds:
            from mgov.net.grpc import check_available

            check_available()
        return self._untrusted_among(instances) if COMMAND in kinds else set()

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
                on_checked(_at_once(job.members[job.probed[index]], seen, at))

        return relay

    def _keep(self, job: _Job, seen: Sequence[Measurement], thresholds: Thresholds) -> list[Checked]:
        at = self._clock.now()
        observed: Seen = {}
        present: dict[str, set[str]] = {}
        probed = set(job.probed)
        spoiled = {
            m.instance.service for i, m in enumerate(job.members) if i not in probed and m.instance.check.kind != NONE
        }
        for member in job.members:
            present.setdefault(member.instance.service, set()).add(member.instance.id)
        for index, measurement, seen_at in zip(job.probed, seen, job.seen_at, strict=True):
            instance = job.members[index].instance
            if measurement.is_local:
                spoiled.add(instance.service)
            else:
                observation = observe(instance.check, measurement, at=seen_at)
                observed.setdefault(instance.service, {})[instance.id] = observation
        by_name = {pattern for pattern in job.patterns if not is_glob(pattern)}
        records = self._observed.keep(
            observed, present, must_write=by_name | spoiled, at=at, thresholds=thresholds
        )
        measured = dict(zip(job.probed, seen, strict=True))
        results = [
            _refusal(member)
            if member.instance.key in job.refused
            else self._checked(member, measured.get(i), observed, records, at)
            for i, member in enumerate(job.members)
        ]
        failed_count = sum(result.health.status == UNHEALTHY for result in results)
        self._observed.confirm([
            Look(pattern, job.started_at, at, len(results), failed_count, sorted(spoiled))
            for pattern in job.patterns
            if is_glob(pattern) and job.members
        ])
        return results

    def _checked(
        self,
        member: Member,
        measurement: Measurement | None,
        observed: Seen,
        records: dict[str, dict[str, HealthRecord]],
        at: float,
    ) -> Checked:
        instance = member.instance
        if measurement is None:
            return Checked(instance.service, instance.id, instance.check.url or instance.url, member.health)
        if measurement.is_local:
            return _unseen(member, measurement)
        observation = observed[instance.service][instance.id]
        return _seen(member, records[instance.service][instance.id], observation, at)


def check_urls(
    urls: Sequence[str],
    *,
    clock: Clock,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    expect: tuple[str, ...] = (),
    concurrency: int | None = None,
    on_checked: OnChecked | None = None,
    trust: Trust | None = None,
) -> list[Checked]:
    """Look at bare URLs (http, https, tcp, tls), in their order; needs no store and keeps nothing."""
    checks = [expecting(parse_check_url(url, timeout_s=timeout_s), expect) for url in urls]
    targets = [target_of(check, trust=trust) for check in checks]

    def relay(index: int, seen: Measurement) -> None:
        if on_checked is not None:
            on_checked(_checked_url(checks[index], seen, clock.now()))

    seen = sweep_now(targets, concurrency=concurrency, on_result=relay)
    at = clock.now()
    return [_checked_url(check, measurement, at) for check, measurement in zip(checks, seen, strict=True)]


def _target(check: Check, timeout_s: float | None, most_s: float | None, trust: Trust | None) -> Target:
    wanted_s = timeout_s if timeout_s is not None else check.timeout_s
    return target_of(check, timeout_s=wanted_s if most_s is None else min(wanted_s, most_s), trust=trust)


def _checked_url(check: Check, seen: Measurement, at: float) -> Checked:
    if seen.is_local:
        health = Health(UNHEALTHY, True, f"could not be probed from here: {seen.detail}", None, None)
        return Checked("", "", check.url, health, is_local=True)
    observation = observe(check, seen, at=at)
    return Checked("", "", check.url, _health_of(observation), observation.evidence)


def _refusal(member: Member) -> Checked:
    instance = member.instance
    health = member.health._replace(stale=True, reason="its command may not run here: mgov trust")
    return Checked(instance.service, instance.id, instance.check.url, health, is_local=True)


def _unseen(member: Member, measurement: Measurement) -> Checked:
    instance = member.instance
    health = member.health._replace(stale=True, reason=f"could not be probed from here: {measurement.detail}")
    return Checked(instance.service, instance.id, instance.check.url, health, is_local=True)


def _seen(member: Member, record: HealthRecord, observation: Observation, at: float) -> Checked:
    instance = member.instance
    health = judge(instance.check, now=at, record=record, ttl_s=instance.ttl_s, heartbeat=member.heartbeat)
    health = health._replace(latency_ms=observation.latency_ms)
    return Checked(instance.service, instance.id, instance.check.url, health, observation.evidence)


def _at_once(member: Member, measurement: Measurement, at: float) -> Checked:
    if measurement.is_local:
        return _unseen(member, measurement)
    observation = observe(member.instance.check, measurement, at=at)
    return _seen(member, fold(None, observation), observation, at)


def _health_of(seen: Observation) -> Health:
    return Health(seen.status, False, seen.reason, seen.checked_at, seen.latency_ms)
