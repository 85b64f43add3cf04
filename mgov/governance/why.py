"""Why a service fails, or that it does not: what the store holds of it, its needs and its dependents, joined."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from mgov.errors import NotFound
from mgov.governance.breaker_store import Shown
from mgov.governance.changes import Changes
from mgov.governance.definition import definition_tables
from mgov.governance.events import breaker_events, change_events, health_events
from mgov.governance.fleet import suggest_service
from mgov.governance.observed import Observed
from mgov.governance.overview import prober_suspicion, stops_calls
from mgov.governance.standings import fleet_members, members_among, standings_of
from mgov.model.breaker import settle
from mgov.model.graph import Graph
from mgov.model.health import DEGRADED, NONE, STARTING, UNHEALTHY
from mgov.model.impact import impacts_of
from mgov.model.names import check_name
from mgov.model.record import NamedTuple
from mgov.model.rootcause import diagnose
from mgov.model.undo import service_of
from mgov.model.why import (
    WIDEST_S,
    Event,
    Root,
    Sufferer,
    Window,
    Witness,
    last_well,
    next_steps,
    paths_to_roots,
    ranked,
    window_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mgov.clock import Clock
    from mgov.governance.fleet import Member
    from mgov.governance.standings import Members
    from mgov.model.breaker_document import BreakerSet
    from mgov.model.history import Recent
    from mgov.model.standing import Standing
    from mgov.store.files import FilesStore

SLACK_S = 3600.0                                # how far behind the order of changes a machine's clock may be


class Why(NamedTuple):
    """All that explains how `standing` came about, `at` (seconds since the epoch).

    `roots` are what it fails because of, nearest first; with a whole one of them in its way it fails or will, with a
    degraded one it may. () where it and all that it cannot do without are well. `soft` are failing services that it
    needs but can do without, `missing` those that nobody registered, `damaged` those whose files cannot be read.
    `events` changed within `window`, the likeliest first. `breakers` are those on the way that stop calls.
    """

    standing: Standing
    at: float
    roots: tuple[Root, ...]
    window: Window | None
    events: tuple[Event, ...]
    sufferers: tuple[Sufferer, ...]
    breakers: tuple[Shown, ...]
    soft: tuple[str, ...]
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    suspicion: str
    next_steps: tuple[str, ...]


class Explaining:
    """Explains the services of one store. Times are seconds since the epoch."""

    def __init__(self, store: FilesStore, clock: Clock, changes: Changes) -> None:
        self._store, self._clock, self._changes = store, clock, changes
        self._observed = Observed(store)

    def why(self, name: str) -> Why:
        """What the store holds of why `name` is as it is; NotFound for a service that nobody registered."""
        check_name(name)
        now = self._clock.now()
        tables = definition_tables(self._store)
        graph = Graph.of_definitions(tables)
        needs = graph.needs(name)
        around = {name, *needs, *graph.dependents(name)}
        members, damaged = members_among(self._store, around, now=now)
        if name in damaged:
            self._store.read(f"maintenance/{name}")             # raises what is wrong with its file
        if name not in tables and not members.get(name):
            raise NotFound(f"no service {name}", hint=suggest_service(self._store, name))
        standings = standings_of(members)
        involved = {name, *needs}
        roots = self._roots(graph, name, involved, standings, members)
        recents = {root.standing.service: self._observed.recents(root.standing.service) for root in roots}
        window = _window(roots, recents)
        on_the_way = {one for root in roots for one in root.path} or {name}
        known = self._breakers(on_the_way)
        events = self._events(window, on_the_way, recents, known) if window is not None else []
        breakers = [
            Shown(service, instance, settled)
            for service, found in sorted(known.items())
            for instance, breaker in sorted(found.breakers.items())
            if stops_calls(Shown(service, instance, settled := settle(breaker, now)))
        ]
        told = {root.standing.service for root in roots} | set(graph.hard().needs(name))
        return Why(
            standings[name] if name in standings else standings_of({name: []})[name],
            now,
            tuple(roots),
            window,
            tuple(events),
            tuple(Sufferer(impact, standings.get(impact.service)) for impact in impacts_of(graph, name)),
            tuple(breakers),
            tuple(n for n in needs if n not in told and n in standings and standings[n].is_failing),
            tuple(n for n in needs if n not in tables and not members.get(n) and n not in damaged),
            tuple(damaged),
            self._suspicion(members, involved, now) if any(root.standing.is_failing for root in roots) else "",
            tuple(next_steps(
                name, roots, events,
                is_old=any(s.is_stale or s.status == STARTING for n, s in standings.items() if n in involved),
                is_checked=not roots or any(m.instance.check.kind != NONE for m in members[roots[0].standing.service]),
                is_empty=not members.get(name),
                open_breakers=list(dict.fromkeys(shown.service for shown in breakers)),
            )),
        )  # fmt: skip

    # -- inside

    def _roots(
        self, graph: Graph, name: str, involved: Iterable[str], standings: Mapping[str, Standing], members: Members
    ) -> list[Root]:
        """Those of services that fail; where none does, those of services that fail in part."""
        known = [standings[one] for one in sorted(involved) if one in standings]
        for broken in ([s for s in known if s.is_failing], [s for s in known if s.is_troubled]):
            paths = paths_to_roots(graph, name, diagnose(graph, [standing.service for standing in broken]))
            if paths:
                return [Root(standings[root], path, self._witnesses(members[root])) for root, path in paths]
        return []

    def _witnesses(self, members: Iterable[Member]) -> tuple[Witness, ...]:
        found = []
        recents: dict[str, Recent] | None = None
        for member in members:
            instance, health = member.instance, member.health
            if health.status in (UNHEALTHY, DEGRADED):
                if recents is None:
                    recents = self._observed.recents(instance.service)
                recent = recents.get(instance.id)
                evidence = recent.evidence if recent is not None else None
                found.append(Witness(instance.id, instance.check.url or instance.url, health, evidence))
        return tuple(sorted(found, key=lambda w: (w.health.status != UNHEALTHY, w.health.since or 0.0, w.instance)))

    def _breakers(self, names: Iterable[str]) -> dict[str, BreakerSet]:
        from mgov.governance.breaker_store import load

        documents = {name: self._store.read(f"breaker/{name}") for name in names}
        return {name: load(self._store, name, d.value) for name, d in documents.items() if d is not None}

    def _events(
        self,
        window: Window,
        names: set[str],
        recents: Mapping[str, Mapping[str, Recent]],
        breakers: Mapping[str, BreakerSet],
    ) -> list[Event]:
        newest_first = takewhile(lambda change: change.at >= window.start - SLACK_S, self._store.changes_back())
        changed = [change for change in newest_first if change.at in window and service_of(change.key) in names]
        return ranked(
            [
                *change_events(self._changes, changed[::-1]),
                *(e for name, known in breakers.items() for e in breaker_events(name, known, window)),
                *(e for name, own in recents.items() for e in health_events(name, own, window)),
            ],
            set(recents),
        )

    def _suspicion(self, members: Members, involved: set[str], now: float) -> str:
        """A sentence where nothing at all can be reached; the whole fleet is read only where all around fails."""
        own = {name: members[name] for name in involved if name in members}
        return prober_suspicion(self._store, own) and prober_suspicion(
            self._store, fleet_members(self._store, now=now)
        )


def _window(roots: Iterable[Root], recents: Mapping[str, Mapping[str, Recent]]) -> Window | None:
    found = [
        window_of(root.standing.since, last_well(recents[root.standing.service].values(), root.standing.since))
        for root in roots
        if root.standing.since is not None
    ]
    if not found:
        return None
    start = max(min(window.start for window in found), max(window.end for window in found) - WIDEST_S)
    return Window(start, max(window.end for window in found))
