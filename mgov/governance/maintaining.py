"""Maintenance: a service, or one instance of it, is out of service on purpose for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import NotFound
from mgov.governance.fleet import all_members, member_of, suggest_service
from mgov.governance.outcomes import CHANGED, UNCHANGED, Outcome
from mgov.model.instance import Maintenance, instance_key
from mgov.model.names import check_name
from mgov.model.service import service_key
from mgov.store.base import Write, update

if TYPE_CHECKING:
    from typing import Any

    from mgov.store.base import Store


def set_maintenance(
    store: Store, name: str, instance: str | None, held: Maintenance | None, *, now: float
) -> Outcome:
    """Make `held` the maintenance of a service, or of one instance, None for none; NotFound where it is not there.

    One that differs in its beginning alone is the same.
    """
    check_name(name)
    value = held._asdict() if held is not None else None
    if instance is None:
        return _of_service(store, name, value)
    return _of_instance(store, name, instance, value, now=now)


def active_maintenances(store: Store, *, now: float) -> list[tuple[str, str, Maintenance]]:
    """What is under maintenance now: (service, instance or '' for all of it, since when and why)."""
    found = [
        (document.key.split("/")[1], "", Maintenance(**document.value)) for document in store.scan("maintenance/")
    ]
    found += [
        (m.instance.service, m.instance.id, m.instance.maintenance)
        for m in all_members(store, now=now)
        if m.instance.maintenance is not None
    ]
    return sorted(entry for entry in found if entry[2].is_active(now))


def _of_service(store: Store, name: str, value: dict[str, Any] | None) -> Outcome:
    if store.read(service_key(name)) is None and not any(store.scan(f"instance/{name}/")):
        raise NotFound(f"no service {name}", hint=suggest_service(store, name))
    before = store.read(f"maintenance/{name}")
    if _is_same(before.value if before is not None else None, value):
        return Outcome(UNCHANGED, name)
    write = Write(f"maintenance/{name}", value)
    return Outcome(CHANGED, name, "", store.write(write, operation="maintenance"))


def _of_instance(store: Store, name: str, instance: str, value: dict[str, Any] | None, *, now: float) -> Outcome:
    current = member_of(store, name, instance, now=now).instance.maintenance
    if _is_same(current._asdict() if current is not None else None, value):
        return Outcome(UNCHANGED, name, instance)

    def change(before: dict[str, Any] | None) -> dict[str, Any] | None:
        if before is None:
            raise NotFound(f"instance {instance} of {name} is gone")
        rest = {key: item for key, item in before.items() if key != "maintenance"}
        return rest if value is None else {**rest, "maintenance": value}

    _, revision = update(store, instance_key(name, instance), change, operation="maintenance")
    return Outcome(CHANGED, name, instance, revision)


def _is_same(before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
    if before is None or after is None:
        return before is after
    return {**before, "since": 0} == {**after, "since": 0}
