"""Keeping what sweeps saw: each service's health document, the list of looks, and the past of every instance.

A health document is rewritten only where a status changed, where thresholds count, or once a minute; a sweep of a
service by name rewrites it each time. That the rest was confirmed is one line in the `sweep` document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import Conflict
from mgov.governance.fleet import Look
from mgov.model.evidence import evidence_of
from mgov.model.health import HealthRecord, Observation, fold
from mgov.model.history import Hour, Recent, Sample, add, hour_from, hour_value, noted, recent_from, recent_value
from mgov.model.history import fold as fold_hour
from mgov.model.record import NamedTuple
from mgov.store.base import ABSENT, Write, update, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from mgov.store.base import Store

REWRITE_AFTER_S = 60.0
KEPT_LOOKS = 16

Seen = dict[str, dict[str, Observation]]        # service -> instance id -> observation


class Thresholds(NamedTuple):
    """How many observations in a row make a status better (`rise`) and worse (`fall`); None was not said."""

    rise: int | None = None
    fall: int | None = None

    def over(self, others: Thresholds) -> Thresholds:
        """These, and where one was not said, that of `others`."""
        return Thresholds(self.rise or others.rise, self.fall or others.fall)


class Past(NamedTuple):
    """What is known of an instance's past: its newest samples, and the hours of the last week."""

    recent: Recent
    hours: tuple[Hour, ...]


class Observed:
    """The store's observed state, as sweeps write it. Times are seconds since the epoch."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(
        self,
        seen: Seen,
        present: Mapping[str, Collection[str]],
        *,
        must_write: Collection[str],
        at: float,
        thresholds: Callable[[str], Thresholds],
    ) -> dict[str, dict[str, HealthRecord]]:
        """Fold `seen` into the health documents and return every record of the services in it.

        `present` names the instances that are registered: records of others are dropped. The services in
        `must_write` are written even where nothing changed. `thresholds` gives those of a service. A newer
        observation of another sweep stays.
        """
        values: dict[str, dict[str, Any]] = {}
        writes: list[Write] = []
        for service, observations in seen.items():
            document = self._store.read(f"health/{service}")
            value = _folded(value_of(document), observations, present[service], at, thresholds(service))
            values[service] = value
            if service in must_write or document is None or _is_news(document.value, value, at):
                expect = document.revision if document is not None else ABSENT
                writes.append(Write(f"health/{service}", value, expect))
        if not self._write_all(writes):
            for service in [write.key.partition("/")[2] for write in writes]:
                values[service] = self._fold_again(service, seen[service], present[service], at, thresholds(service))
        for service in [write.key.partition("/")[2] for write in writes]:
            self._remember(service, seen[service], present[service], values[service]["instances"])
        return {
            service: {key: HealthRecord(**fields) for key, fields in value["instances"].items()}
            for service, value in values.items()
        }

    def confirm(self, looks: Sequence[Look]) -> None:
        """Add looks to the `sweep` document; of each pattern the newest is kept, of all the newest sixteen."""
        if not looks:
            return
        patterns = {look.pattern for look in looks}

        def change(before: dict[str, Any] | None) -> dict[str, Any]:
            known = (before or {}).get("looks", ())
            watched = {look["pattern"]: look for look in known if look.get("every_s")}
            new = [_with_watcher(look, watched.get(look.pattern)) for look in looks]
            kept = [look for look in known if look["pattern"] not in patterns]
            return {"looks": [*new, *kept][:KEPT_LOOKS]}

        update(self._store, "sweep", change, operation="sweep")

    def recents(self, service: str) -> dict[str, Recent]:
        """The newest samples, transitions and evidence of each instance of a service, by id."""
        known = value_of(self._store.read(f"recent/{service}"))
        return {key: recent_from(fields) for key, fields in sorted(known.items())}

    def facts(self, service: str) -> dict[str, Mapping[str, Any]]:
        """What the newest look at each instance saw that was not healthy then, by id; quick, for whole fleets."""
        known = value_of(self._store.read(f"recent/{service}"))
        return {key: fields["evidence"]["facts"] for key, fields in known.items() if fields.get("evidence")}

    def past(self, service: str) -> dict[str, Past]:
        """The past of each instance of a service, by id."""
        recents = self.recents(service)
        weeks = value_of(self._store.read(f"rollup/{service}"))
        return {
            key: Past(recents.get(key, Recent()), tuple(hour_from(fields) for fields in weeks.get(key, ())))
            for key in sorted({*recents, *weeks})
        }

    def _write_all(self, writes: list[Write]) -> bool:
        try:
            self._store.write_many(writes, operation="sweep")
        except Conflict:
            return False
        return True

    def _fold_again(
        self, service: str, seen: dict[str, Observation], present: Collection[str], at: float, thresholds: Thresholds
    ) -> dict[str, Any]:
        value, _ = update(
            self._store,
            f"health/{service}",
            lambda before: _folded(before or {}, seen, present, at, thresholds),
            operation="sweep",
        )
        return value or {"instances": {}}

    def _remember(
        self,
        service: str,
        seen: dict[str, Observation],
        present: Collection[str],
        records: Mapping[str, Mapping[str, Any]],
    ) -> None:
        ended: dict[str, Hour] = {}

        def change(before: dict[str, Any] | None) -> dict[str, Any]:
            ended.clear()
            value = {key: fields for key, fields in (before or {}).items() if key in present}
            for key, observation in seen.items():
                sample = Sample(observation.checked_at, observation.status, observation.latency_ms)
                settled = records[key]["status"]
                recent, hour = add(recent_from(value.get(key, {})), sample, observation.reason, settled=settled)
                value[key] = recent_value(noted(recent, evidence_of(observation), observation.checked_at))
                if hour is not None:
                    ended[key] = hour
            return value

        before = self._store.read(f"recent/{service}")
        if before is not None and change(dict(before.value)) == before.value:
            return                              # within the minute of the last samples
        update(self._store, f"recent/{service}", change, operation="sweep")
        if not ended:
            return

        def fold_week(before: dict[str, Any] | None) -> dict[str, Any]:
            value = {key: hours for key, hours in (before or {}).items() if key in present}
            for key, hour in ended.items():
                hours = fold_hour([hour_from(fields) for fields in value.get(key, ())], hour)
                value[key] = [hour_value(kept) for kept in hours]
            return value

        update(self._store, f"rollup/{service}", fold_week, operation="sweep")


def _folded(
    before: Mapping[str, Any],
    seen: dict[str, Observation],
    present: Collection[str],
    at: float,
    thresholds: Thresholds,
) -> dict[str, Any]:
    records = {key: fields for key, fields in before.get("instances", {}).items() if key in present or key in seen}
    for instance_id, observation in seen.items():
        fields = records.get(instance_id)
        record = HealthRecord(**fields) if fields is not None else None
        folded = fold(record, observation, rise=thresholds.rise or 1, fall=thresholds.fall or 1)
        records[instance_id] = {key: value for key, value in folded._asdict().items() if key != _COUNT or value}
    return {"written_at": at, "instances": dict(sorted(records.items()))}


def _with_watcher(look: Look, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """A look that is nobody's watching leaves what is known of who watches."""
    if look.every_s or before is None:
        return look._asdict()
    return {**look._asdict(), "every_s": before["every_s"], "watched_at": before["watched_at"]}


_COUNT = "contrary_count"


def _is_news(before: Mapping[str, Any], after: Mapping[str, Any], at: float) -> bool:
    return _marks(before) != _marks(after) or at - before["written_at"] >= REWRITE_AFTER_S


def _marks(value: Mapping[str, Any]) -> dict[str, tuple[str, float, int]]:
    return {
        key: (fields["status"], fields["since"], fields.get(_COUNT, 0)) for key, fields in value["instances"].items()
    }
