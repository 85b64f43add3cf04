"""What a look at one target came to: the record that sweeps return, and how it follows from a measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.model.health import MISSING, UNHEALTHY, Check, Health, HealthRecord, Observation, fold, judge
from mgov.model.judgement import observe
from mgov.model.measurement import LOCAL_ERROR, UNTRUSTED, Measurement
from mgov.model.record import NamedTuple
from mgov.model.result import Result, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mgov.governance.fleet import Member


class Checked(NamedTuple):
    """One target after a sweep. `service` and `instance` are '' for a bare URL.

    `is_local` says that this machine could not probe it: `health` is then what was known before, marked stale, or
    `missing` for a name that nothing registered has.
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
        """What a person calls it: `service/instance`, the service where it has none, or the URL."""
        return name_of(self.service, self.instance, self.url)

    @property
    def is_failing(self) -> bool:
        """Whether it keeps the answer from being "all is well"."""
        return self.health.status == UNHEALTHY or self.is_local

    def to_result(self) -> Result:
        """The record that reports are made of."""
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


def untouched(member: Member) -> Checked:
    """The result of an instance that nobody had to look at."""
    instance = member.instance
    return Checked(instance.service, instance.id, instance.check.url or instance.url, member.health)


def absent(name: str) -> Checked:
    """The result of a service, or of a pattern of names, that has no instance."""
    return Checked(name, "", "", Health(MISSING, False, "nothing is registered", None, None), is_local=True)


def refused(member: Member, reason: str) -> Checked:
    """The result of an instance whose check may not be carried out here."""
    return _as_before(member, reason, UNTRUSTED)


def unseen(member: Member, measurement: Measurement) -> Checked:
    """The result of an instance that this machine could not probe."""
    return _as_before(member, f"could not be probed from here: {measurement.detail}", LOCAL_ERROR)


def _as_before(member: Member, reason: str, error: str) -> Checked:
    instance = member.instance
    health = member.health._replace(stale=True, reason=reason)
    return Checked(instance.service, instance.id, instance.check.url, health, {"error": error}, is_local=True)


def seen(member: Member, record: HealthRecord, observation: Observation, at: float) -> Checked:
    """The result of an instance that was probed, by the record after `observation`."""
    instance = member.instance
    health = judge(instance.check, now=at, record=record, ttl_s=instance.ttl_s, heartbeat=member.heartbeat)
    health = health._replace(latency_ms=observation.latency_ms)
    return Checked(instance.service, instance.id, instance.check.url, health, observation.evidence)


def at_once(member: Member, check: Check, measurement: Measurement, at: float) -> Checked:
    """The result of one measurement alone, before anything is kept."""
    if measurement.is_local:
        return unseen(member, measurement)
    observation = observe(check, measurement, at=at)
    return seen(member, fold(None, observation), observation, at)


def url_result(
    check: Check, measurement: Measurement, at: float, keep: Callable[[Observation], HealthRecord] | None = None
) -> Checked:
    """The result of a bare URL; `keep` gives the record after an observation [of that one alone]."""
    if measurement.is_local:
        health = Health(UNHEALTHY, True, f"could not be probed from here: {measurement.detail}", None, None)
        return Checked("", "", check.url, health, is_local=True)
    found = observe(check, measurement, at=at)
    record = keep(found) if keep is not None else fold(None, found)
    health = Health(record.status, False, record.reason, found.checked_at, found.latency_ms, record.since)
    return Checked("", "", check.url, health, found.evidence)
