"""The fleet by service: each with what its instances are together now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import StoreError
from mgov.governance.fleet import Member, all_members, members_of
from mgov.model.standing import Standing, standing_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mgov.model.result import Result
    from mgov.store.base import Store

READ_SINGLY = 30                                # from more services on, all files of a kind are read at once

Members = dict[str, list[Member]]


def fleet_members(store: Store, *, now: float) -> Members:
    """The instances of every service that has any."""
    found: Members = {}
    for member in all_members(store, now=now):
        found.setdefault(member.instance.service, []).append(member)
    return found


def members_among(store: Store, names: Collection[str], *, now: float) -> tuple[Members, list[str]]:
    """The instances of the services `names`, () for one without any; and those whose instances cannot be read."""
    if len(names) > READ_SINGLY:
        everything = fleet_members(store, now=now)
        return {name: everything.get(name, []) for name in names}, []
    found: Members = {}
    damaged = []
    for name in sorted(names):
        try:
            found[name] = members_of(store, name, now=now)
        except StoreError:
            damaged.append(name)
    return found, damaged


def standings_of(members: Members, names: Iterable[str] = ()) -> dict[str, Standing]:
    """The standing of each service in `members`, and of `names`, which have no instances there."""
    return {
        name: standing_of(name, [(m.instance.id, m.health) for m in members.get(name, ())])
        for name in sorted({*names, *members})
    }


def results_of(store: Store, members: Iterable[Member]) -> list[Result]:
    """What is known of each of `members`, with the evidence that was kept of the newest look."""
    from mgov.governance.observed import Observed
    from mgov.model.result import Result

    observed = Observed(store)
    pasts: dict[str, dict[str, Mapping[str, Any]]] = {}
    found = []
    for member in members:
        instance, health = member.instance, member.health
        if instance.service not in pasts:
            pasts[instance.service] = observed.facts(instance.service)
        facts = pasts[instance.service].get(instance.id, {})
        url = instance.check.url or instance.url
        found.append(Result(
            instance.service, instance.id, url, health.status, health.reason, health.latency_ms, health.checked_at,
            facts,
        ))  # fmt: skip
    return found
