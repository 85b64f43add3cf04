"""The fleet on one screen: everything that the store holds of now, joined. Nothing is probed and nothing written."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from mgov.governance.breaker_store import Shown, kept
from mgov.governance.fleet import Look, looks_in
from mgov.governance.standings import fleet_members, results_of, standings_of
from mgov.model.breaker import CLOSED, FORCE_CLOSED, FORCE_OPEN, OFF
from mgov.model.graph import Graph
from mgov.model.health import MAINTENANCE, NONE, STARTING, UNHEALTHY
from mgov.model.overview import Trouble, Watcher, next_steps, totals, troubles_of, watcher_of
from mgov.model.record import NamedTuple
from mgov.model.rootcause import diagnose, suspect_prober
from mgov.model.standing import statistics_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mgov.clock import Clock
    from mgov.governance.limits import Limits, Refusing
    from mgov.governance.standings import Members
    from mgov.model.standing import Standing
    from mgov.store.base import Change, Document
    from mgov.store.files import FilesStore

RECENT_S = 24 * 3600.0
LOOKED_THROUGH = 2_000                          # changes, the newest first
CONFIG = "config/"


class Status(NamedTuple):
    """Everything at one moment, `at` (seconds since the epoch).

    `statistics` are the registry's, `totals` counts instances by status, `stale_count` those not seen lately and
    `unseen_count` those never. `troubles` come worst first. `breakers` are all that were ever used, `refusing` the
    limits that let nothing more pass. `configs` are the configuration changes of the last 24 hours, newest first;
    `change_count` counts all changes then, and is not exact where `has_more_changes`. `look` is the newest sweep over
    the whole fleet, or else over the pattern that was swept last. `damaged` names files that were left out, `held`
    services whose last good copy stands in. `suspicion` is a sentence where the prober itself may be at fault.
    """

    at: float
    statistics: Mapping[str, Any]
    totals: Mapping[str, int]
    stale_count: int
    unseen_count: int
    troubles: tuple[Trouble, ...]
    breakers: tuple[Shown, ...]
    refusing: tuple[Refusing, ...]
    configs: tuple[Change, ...]
    change_count: int
    has_more_changes: bool
    look: Look | None
    watcher: Watcher
    damaged: tuple[str, ...]
    held: tuple[str, ...]
    suspicion: str
    next_steps: tuple[str, ...]

    @property
    def is_unhealthy(self) -> bool:
        """Whether any instance is unhealthy."""
        return self.totals[UNHEALTHY] > 0

    @property
    def refusing_breakers(self) -> list[Shown]:
        """The breakers that are not closed, or held by hand."""
        return [one for one in self.breakers if one.breaker.state != CLOSED or one.breaker.forced]


class Overview:
    """Joins what the components over one store know. Times are seconds since the epoch."""

    def __init__(self, store: FilesStore, clock: Clock, limits: Limits) -> None:
        self._store, self._clock, self._limits = store, clock, limits

    def status(self) -> Status:
        """The fleet as the store knows it now; StoreError where the store is gone since it was opened."""
        self._store.refuse_vanished()
        now = self._clock.now()
        self._store.damaged.clear()             # what is mended between two calls is no longer damaged
        documents = list(self._store.scan("service/"))
        members = fleet_members(self._store, now=now)
        standings = standings_of(members, (_name(document) for document in documents))
        troubles, suspicion = self._troubles(documents, members, standings)
        looks = looks_in(self._store.read("sweep"))
        watcher = watcher_of(((look.pattern, look.every_s, look.watched_at) for look in looks), now)
        breakers = tuple(kept(self._store, now))
        refusing = tuple(self._limits.refusing())
        configs, change_count, has_more = self._changes(now - RECENT_S)
        counts = totals(standings.values())
        checked = [m for own in members.values() for m in own if m.instance.check.kind != NONE]
        unseen_count = sum(m.health.status == STARTING for m in checked)
        stale_count = sum(m.health.stale and m.health.status not in (STARTING, MAINTENANCE) for m in checked)
        held = tuple(_name(document) for document in documents if document.is_held)
        damaged = tuple(dict.fromkeys(self._store.damaged))
        steps = next_steps(
            troubles,
            service_count=len(standings),
            instance_count=sum(counts.values()),
            is_old=bool(stale_count or unseen_count),
            is_suspect=bool(suspicion),
            has_damage=bool(held or damaged),
            watcher=watcher,
            breakers=[one.service for one in breakers if stops_calls(one)],
            limits=[one.name for one in refusing],
        )
        return Status(
            now, statistics_of(standings.values()), counts, stale_count, unseen_count, tuple(troubles), breakers,
            refusing, tuple(configs), change_count, has_more, _widest(looks), watcher, damaged, held, suspicion,
            tuple(steps),
        )  # fmt: skip

    # -- inside

    def _troubles(
        self, documents: Iterable[Document], members: Members, standings: Mapping[str, Standing]
    ) -> tuple[list[Trouble], str]:
        failing = {name for name, standing in standings.items() if standing.is_failing}
        troubled = any(standing.is_troubled for standing in standings.values())
        if not failing:
            return (troubles_of(standings, diagnose(Graph(()), ())) if troubled else []), ""
        graph = Graph.of_definitions({_name(document): document.value for document in documents})
        troubles = troubles_of(standings, diagnose(graph, failing))
        return troubles, prober_suspicion(self._store, members)

    def _changes(self, since: float) -> tuple[list[Change], int, bool]:
        configs, count = [], 0
        for change in islice(self._store.changes_back(), LOOKED_THROUGH):
            if change.at >= since:
                count += 1
                if change.key.startswith(CONFIG):
                    configs.append(change)
        return configs, count, count == LOOKED_THROUGH


def prober_suspicion(store: FilesStore, members: Members) -> str:
    """A sentence where nothing at all could be reached when it was last looked at; '' where something was."""
    looked = [m for own in members.values() for m in own if m.health.checked_at is not None]
    if any(m.health.status not in (UNHEALTHY, MAINTENANCE) for m in looked):
        return ""
    return suspect_prober(results_of(store, looked))


def stops_calls(shown: Shown) -> bool:
    """Whether a breaker lets calls out only as probes, or not at all."""
    breaker = shown.breaker
    return breaker.forced == FORCE_OPEN or (breaker.state != CLOSED and breaker.forced not in (FORCE_CLOSED, OFF))


def _widest(looks: Iterable[Look]) -> Look | None:
    known = list(looks)
    return next((look for look in known if look.pattern == "*"), known[0] if known else None)


def _name(document: Document) -> str:
    return document.key.split("/")[1]
