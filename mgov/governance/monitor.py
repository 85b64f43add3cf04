"""The monitor: is it well. Sweeps instances, and has what it saw kept (see `observed`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import NotFound
from mgov.governance.checked import Checked, at_once, refused, seen, unseen, untouched
from mgov.governance.fleet import Look, Member, all_members, looks_in, members_of, suggest_service
from mgov.governance.manner import USUAL, Manner
from mgov.governance.observed import Observed, Seen, Thresholds
from mgov.governance.policies import policies_of
from mgov.governance.rounds import Job, Rounds
from mgov.model.health import (
    COMMAND,
    GRPC,
    GRPCS,
    MAINTENANCE,
    NONE,
    UNHEALTHY,
    HealthRecord,
)
from mgov.model.judgement import observe
from mgov.model.measurement import Measurement
from mgov.model.names import check_name, is_glob
from mgov.model.record import NamedTuple
from mgov.net.sweep import sweep, sweep_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mgov.clock import Clock
    from mgov.model.healthpolicy import HealthPolicy
    from mgov.model.instance import Instance
    from mgov.net.sweep import ProbeAll
    from mgov.store.base import Store

    OnChecked = Callable[[Checked], None]
    Policies = Mapping[str, HealthPolicy]
    Refusals = Callable[[Sequence[Instance], Policies], set[str]]

EVERYTHING = "*"
_NO_COMMAND = "its command may not run here: mgov trust"
_NO_FILES = "its service's files may not be read here: mgov trust"


class _Plan(NamedTuple):
    """A sweep before it runs: who is looked at, which of them are probed, and how.

    `refused` holds the keys of those whose checks may not be carried out here, `policies` what services say of theirs.
    """

    patterns: tuple[str, ...]
    started_at: float
    members: list[Member]
    probed: list[int]
    jobs: list[Job]
    refused: set[str]
    policies: Policies
    manner: Manner

    def thresholds_of(self, service: str) -> Thresholds:
        """Said for this sweep, or by the service, or the usual ones."""
        return self.manner.thresholds_under(self.policies.get(service))


def no_command(instances: Sequence[Instance], policies: Policies) -> set[str]:
    """The keys of all whose checks need trust: without anybody to ask, none has it."""
    from mgov.model.trust import needs_trust

    return {i.key for i in instances if needs_trust(i, policies.get(i.service))}


class Monitor:
    """Sweeps the instances of a store. Times are seconds since the epoch, durations seconds."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        probe_all: ProbeAll = sweep_now,
        untrusted_among: Refusals = no_command,
    ) -> None:
        """`probe_all` probes targets for `sweep`; `sweep_async` always uses the engine itself.

        `untrusted_among` gives the keys of the instances whose checks may not be carried out, for instances and the
        policies of their services [all that run a command or read a file].
        """
        self._store, self._clock, self._probe_all = store, clock, probe_all
        self._untrusted_among = untrusted_among
        self._observed = Observed(store)

    def sweep(
        self, patterns: Sequence[str] = (), how: Manner = USUAL, *, on_checked: OnChecked | None = None
    ) -> list[Checked]:
        """Look at every instance of the services that match (all, if no pattern is given), and keep what was seen.

        In the order of services and ids. `on_checked` is told each result as it comes, before thresholds are applied.
        NotFound for a name that no service has; an empty list when nothing is registered.
        """
        plan = self._plan(patterns, how)
        rounds = self._rounds(plan, on_checked)
        for wave in rounds:
            if wave.pause_s:
                self._clock.sleep(wave.pause_s)
            found = self._probe_all(wave.targets, concurrency=how.concurrency, on_result=rounds.relay(wave))
            rounds.take(wave, found)
        return self._keep(plan, rounds)

    async def sweep_async(
        self, patterns: Sequence[str] = (), how: Manner = USUAL, *, on_checked: OnChecked | None = None
    ) -> list[Checked]:
        """As `sweep`, in the running event loop; only reading and writing the store happen in a thread."""
        import asyncio

        plan = await asyncio.to_thread(self._plan, patterns, how)
        rounds = self._rounds(plan, on_checked)
        for wave in rounds:
            await asyncio.sleep(wave.pause_s)
            rounds.take(wave, await sweep(wave.targets, concurrency=how.concurrency, on_result=rounds.relay(wave)))
        return await asyncio.to_thread(self._keep, plan, rounds)

    def last_looks(self) -> list[Look]:
        """The newest sweep over each pattern, newest first; sweeps of single services leave none."""
        return looks_in(self._store.read("sweep"))

    # -- inside

    def _plan(self, patterns: Sequence[str], how: Manner) -> _Plan:
        now = self._clock.now()
        wanted = tuple(dict.fromkeys(patterns)) or (EVERYTHING,)
        members: dict[str, Member] = {}
        for pattern in wanted:
            for member in self._matching(pattern, now, may_be_missing=how.may_be_missing):
                members[member.instance.key] = member
        chosen = [members[key] for key in sorted(members, key=lambda key: key.split("/"))]
        policies = policies_of(self._store, {m.instance.service for m in chosen})
        barred = self._refused([m.instance for m in chosen], policies if how.trust is None else {})
        probed = [i for i, m in enumerate(chosen) if m.instance.key not in barred and _is_due(m, how, now)]
        jobs = [how.job(m.instance.check, policies.get(m.instance.service)) for m in (chosen[i] for i in probed)]
        return _Plan(wanted, now, chosen, probed, jobs, barred, policies, how)

    def _refused(self, instances: Sequence[Instance], policies: Policies) -> set[str]:
        kinds = {instance.check.kind for instance in instances}
        if kinds & {GRPC, GRPCS}:
            from mgov.net.grpc import check_available

            check_available()
        return self._untrusted_among(instances, policies) if COMMAND in kinds or policies else set()

    def _matching(self, pattern: str, now: float, *, may_be_missing: bool) -> Iterable[Member]:
        if is_glob(pattern):
            found = list(all_members(self._store, now=now, pattern=pattern))
            if not found and pattern != EVERYTHING and not may_be_missing:
                raise NotFound(f"no instance of a service that matches {pattern!r:.80}", hint="mgov services")
            return found
        check_name(pattern)
        members = members_of(self._store, pattern, now=now)
        if not members and not may_be_missing and self._store.read(f"service/{pattern}") is None:
            raise NotFound(f"no service {pattern}", hint=suggest_service(self._store, pattern))
        return members

    def _rounds(self, plan: _Plan, on_checked: OnChecked | None) -> Rounds:
        def tell(index: int, measurement: Measurement, at: float) -> None:
            if on_checked is not None:
                on_checked(at_once(plan.members[plan.probed[index]], plan.jobs[index].check, measurement, at))

        return Rounds(plan.jobs, self._clock, tell)

    def _keep(self, plan: _Plan, rounds: Rounds) -> list[Checked]:
        at = self._clock.now()
        observed: Seen = {}
        present: dict[str, set[str]] = {}
        probed = set(plan.probed)
        spoiled = {
            m.instance.service for i, m in enumerate(plan.members) if i not in probed and m.instance.check.kind != NONE
        }
        for member in plan.members:
            present.setdefault(member.instance.service, set()).add(member.instance.id)
        for index, job, measurement, seen_at in zip(plan.probed, plan.jobs, rounds.seen, rounds.seen_at, strict=True):
            instance = plan.members[index].instance
            if measurement.is_local:
                spoiled.add(instance.service)
            else:
                observation = observe(job.check, measurement, at=seen_at)
                observed.setdefault(instance.service, {})[instance.id] = observation
        by_name = {pattern for pattern in plan.patterns if not is_glob(pattern)}
        records = self._observed.keep(
            observed, present, must_write=by_name | spoiled, at=at, thresholds=plan.thresholds_of
        )
        measured = dict(zip(plan.probed, rounds.seen, strict=True))
        results = [
            refused(member, _NO_COMMAND if member.instance.check.kind == COMMAND else _NO_FILES)
            if member.instance.key in plan.refused
            else _checked(member, measured.get(i), observed, records, at)
            for i, member in enumerate(plan.members)
        ]
        failed_count = sum(result.health.status == UNHEALTHY for result in results)
        self._observed.confirm([
            Look(pattern, plan.started_at, at, len(results), failed_count, sorted(spoiled), *plan.manner.watching(at))
            for pattern in plan.patterns
            if is_glob(pattern) and plan.members
        ])
        return results


def _is_due(member: Member, how: Manner, now: float) -> bool:
    health = member.health
    if member.instance.check.kind == NONE or health.status == MAINTENANCE:
        return False
    if how.max_age_s is None or health.checked_at is None or health.stale:
        return True
    return now - health.checked_at > how.max_age_s


def _checked(
    member: Member,
    measurement: Measurement | None,
    observed: Seen,
    records: Mapping[str, Mapping[str, HealthRecord]],
    at: float,
) -> Checked:
    if measurement is None:
        return untouched(member)
    if measurement.is_local:
        return unseen(member, measurement)
    instance = member.instance
    return seen(member, records[instance.service][instance.id], observed[instance.service][instance.id], at)
