"""Applying a manifest: what has to change so that the fleet is as it says, as a list of steps.

A scope names a manifest. Prune removes what that scope brought in and no longer names, and nothing else. What is
already as the manifest says keeps its owner: applying an exported fleet takes nothing over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.manifest import Entry, definition_of
from mgov.model.record import NamedTuple
from mgov.model.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mgov.model.instance import Instance

CREATED, CHANGED, UNCHANGED, PRUNED = "created", "changed", "unchanged", "pruned"


class Step(NamedTuple):
    """One thing of the fleet: what it was (None: nothing) and what it shall be (None: nothing).

    `fields` names what differs.
    """

    action: str
    service: str
    instance: str
    before: Service | Instance | None
    after: Service | Instance | None
    fields: tuple[str, ...] = ()


def plan(
    entries: Sequence[Entry],
    services: Mapping[str, Service],
    instances: Mapping[tuple[str, str], Instance],
    *,
    origin: str,
    prune: bool,
    now: float,
) -> list[Step]:
    """The steps from the fleet (`services` by name, `instances` by service and id) to the manifest, by name.

    `origin` is `manifest:SCOPE`; `now` (seconds since the epoch) becomes the registration time of what is new.
    """
    steps: list[Step] = []
    named: set[tuple[str, str]] = set()
    for entry in entries:
        name = entry.service.name
        named.add((name, ""))
        steps.append(_service_step(services.get(name), entry.service, origin))
        for instance in entry.instances:
            named.add((name, instance.id))
            steps.append(_instance_step(instances.get((name, instance.id)), instance, origin, now))
    if prune:
        steps += _prune_steps(services, instances, named, origin)
    return sorted(steps, key=lambda step: (step.service, step.instance))


def _service_step(before: Service | None, wanted: Service, origin: str) -> Step:
    if before is None:
        return Step(CREATED, wanted.name, "", None, wanted._replace(origin=origin))
    fields = _differing(before._replace(origin=""), wanted)
    if not fields:
        return Step(UNCHANGED, wanted.name, "", before, before)
    return Step(CHANGED, wanted.name, "", before, wanted._replace(origin=origin), fields)


def _instance_step(before: Instance | None, wanted: Instance, origin: str, now: float) -> Step:
    if before is None:
        after = wanted._replace(origin=origin, registered_at=now)
        return Step(CREATED, wanted.service, wanted.id, None, after)
    fields = _differing(definition_of(before), wanted)
    if not fields:
        return Step(UNCHANGED, wanted.service, wanted.id, before, before)
    since = before.registered_at if wanted.is_looked_at_like(before) else now
    after = wanted._replace(origin=origin, registered_at=since, maintenance=before.maintenance, extra=before.extra)
    return Step(CHANGED, wanted.service, wanted.id, before, after, fields)


def _differing(before: Service | Instance, after: Service | Instance) -> tuple[str, ...]:
    return tuple(name for name in after._fields if getattr(before, name) != getattr(after, name))


def _prune_steps(
    services: Mapping[str, Service],
    instances: Mapping[tuple[str, str], Instance],
    named: Iterable[tuple[str, str]],
    origin: str,
) -> list[Step]:
    kept = set(named)
    steps = []
    staying = {service for service, _ in kept}
    for key, instance in instances.items():
        if key not in kept and instance.origin == origin:
            steps.append(Step(PRUNED, *key, instance, None))
        else:
            staying.add(key[0])
    for name, service in services.items():
        # A service that still has somebody else's instances stays.
        if name not in staying and service.origin == origin:
            steps.append(Step(PRUNED, name, "", service, None))
    return steps
