"""How services and instances leave: deregistered, pruned, and with them what was observed of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import NotFound
from mgov.governance.fleet import Member, all_members, instance_hint, suggest_service
from mgov.governance.outcomes import REMOVED, UNCHANGED, Outcome
from mgov.model.health import UNHEALTHY
from mgov.model.instance import instance_key
from mgov.model.names import check_name
from mgov.model.record import NamedTuple
from mgov.model.service import service_key
from mgov.store.base import Write, update

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import Any

    from mgov.store.base import Store

HELD_SHARE = 0.15
HELD_FROM_COUNT = 10
OBSERVED_FAMILIES = ("health", "pick", "recent", "rollup", "limit", "breaker")


class Pruned(NamedTuple):
    """What `prune` removed or would remove, and the services that were held back with the number of their dead."""

    members: tuple[Member, ...]
    held: dict[str, int]


def remove_instance(store: Store, name: str, instance: str, *, missing_ok: bool, dry_run: bool) -> list[Outcome]:
    """Remove one instance; NotFound when it is not there, unless `missing_ok`."""
    check_name(name)
    check_name(instance, "instance")
    if store.read(instance_key(name, instance)) is None:
        if missing_ok:
            return [Outcome(UNCHANGED, name, instance)]
        raise NotFound(f"no instance {instance} of {name}", hint=instance_hint(store, name, instance))
    if not dry_run:
        store.write(Write(instance_key(name, instance), None), operation="deregister")
        forget_instances(store, [(name, instance)])
    return [Outcome(REMOVED, name, instance)]


def remove_service(store: Store, name: str, *, missing_ok: bool, dry_run: bool) -> list[Outcome]:
    """Remove a service with all its instances and what was observed of them; NotFound unless `missing_ok`."""
    check_name(name)
    found = [service_key(name)] if store.read(service_key(name)) is not None else []
    found += [document.key for document in store.scan(f"instance/{name}/")]
    if not found:
        if missing_ok:
            return [Outcome(UNCHANGED, name)]
        raise NotFound(f"no service {name}", hint=suggest_service(store, name))
    if not dry_run:
        store.write_many([Write(key, None) for key in (*found, *_held(store, name))], operation="deregister")
        forget_instances(store, [(name, key.split("/")[2]) for key in found if key.startswith("instance/")])
        forget_services(store, [name])
    return [Outcome(REMOVED, name, *key.split("/")[2:]) for key in found]


def maintenance_writes(store: Store, names: Iterable[str]) -> list[Write]:
    """The writes that end the maintenance of services that leave, so that no namesake inherits it."""
    return [Write(key, None) for name in names for key in _held(store, name)]


def prune(store: Store, *, now: float, older_than_s: float, force: bool, dry_run: bool) -> Pruned:
    """See `Registry.prune`."""
    by_service: dict[str, list[Member]] = {}
    for member in all_members(store, now=now):
        by_service.setdefault(member.instance.service, []).append(member)
    dead: list[Member] = []
    held: dict[str, int] = {}
    for name, members in by_service.items():
        gone = [m for m in members if _is_dead(m, now - older_than_s)]
        if len(members) >= HELD_FROM_COUNT and len(gone) > HELD_SHARE * len(members) and not force:
            held[name] = len(gone)
        else:
            dead += gone
    if dead and not dry_run:
        store.write_many([Write(m.instance.key, None, m.revision) for m in dead], operation="prune")
        forget_instances(store, [(m.instance.service, m.instance.id) for m in dead])
    return Pruned(tuple(dead), held)


def forget_instances(store: Store, gone: Sequence[tuple[str, str]]) -> None:
    """Drop the beats and observations of instances (service, id) that are no longer registered."""
    beats = [f"heartbeat/{service}/{instance}" for service, instance in gone]
    _drop(store, beats)
    by_service: dict[str, set[str]] = {}
    for service, instance in gone:
        by_service.setdefault(service, set()).add(instance)
    for service, ids in by_service.items():
        document = store.read(f"health/{service}")
        if document is not None and not ids.isdisjoint(document.value.get("instances", ())):
            update(store, f"health/{service}", lambda before, ids=ids: _without(before, ids), operation="deregister")  # type: ignore[misc]
        if store.read(f"breaker/{service}") is not None:
            from mgov.governance.breaker_store import forget

            forget(store, service, ids)
        for family in ("recent", "rollup"):
            past = store.read(f"{family}/{service}")
            if past is not None and not ids.isdisjoint(past.value):
                left = {key: value for key, value in past.value.items() if key not in ids}
                store.write(Write(past.key, left or None), operation="deregister")


def forget_services(store: Store, names: Collection[str]) -> None:
    """Drop what was observed of services that are no longer registered, their picks, and what their limits counted."""
    keys = [f"{family}/{name}" for name in names for family in OBSERVED_FAMILIES]
    _drop(store, [*keys, *(document.key for name in names for document in store.scan(f"limit-keys/{name}/"))])


def _drop(store: Store, keys: Sequence[str]) -> None:
    store.write_many([Write(key, None) for key in keys if store.read(key) is not None], operation="deregister")


def _without(before: dict[str, Any] | None, ids: set[str]) -> dict[str, Any] | None:
    left = {key: fields for key, fields in (before or {}).get("instances", {}).items() if key not in ids}
    return {**(before or {}), "instances": left} if left else None


def _held(store: Store, name: str) -> list[str]:
    key = f"maintenance/{name}"
    return [key] if store.read(key) is not None else []


def _is_dead(member: Member, before: float) -> bool:
    health = member.health
    if health.status != UNHEALTHY or health.stale:
        return False
    since = health.since if health.since is not None else member.instance.registered_at
    return since < before
