"""The fleet as files: apply a manifest, compare with one, write one. The only bulk writer of the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import NotFound, StoreDamaged
from mgov.governance.fleet import suggest_service
from mgov.governance.leaving import forget_instances, forget_services, maintenance_writes
from mgov.model.apply import PRUNED, UNCHANGED, Step, plan
from mgov.model.instance import Instance, from_value, instance_key, to_value
from mgov.model.manifest import Entry
from mgov.model.names import check_name, is_glob, matches
from mgov.model.service import Service, parse_service, service_key, to_table
from mgov.store.base import ABSENT, Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.clock import Clock
    from mgov.store.base import Store

DEFAULT_SCOPE = "default"


class Manifests:
    """Reads and writes whole fleets over a store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def apply(
        self,
        entries: Sequence[Entry],
        *,
        scope: str = DEFAULT_SCOPE,
        prune: bool = False,
        dry_run: bool = False,
        message: str = "",
    ) -> list[Step]:
        """Make the fleet as `entries` say, in one commit, and return every step, the unchanged ones too.

        With `prune`, what this scope brought in before and `entries` no longer name is removed. Conflict when
        somebody else changed one of the things meanwhile: nothing is changed then.
        """
        check_name(scope, "scope")
        services, instances, revisions = self._fleet()
        steps = plan(
            entries, services, instances, origin=f"manifest:{scope}", prune=prune, now=self._clock.now()
        )
        changing = [step for step in steps if step.action != UNCHANGED]
        if not dry_run:
            gone = [step for step in changing if step.action == PRUNED]
            services_gone = [step.service for step in gone if not step.instance]
            writes = [_write(step, revisions) for step in changing]
            writes += maintenance_writes(self._store, services_gone)
            self._store.write_many(writes, operation="apply", message=message)
            forget_instances(self._store, [(step.service, step.instance) for step in gone if step.instance])
            forget_services(self._store, services_gone)
        return steps

    def export(self, patterns: Sequence[str] = ()) -> list[Entry]:
        """The services that match any of `patterns` (all, if none is given) as a manifest's entries.

        NotFound for a pattern without a wildcard that names no service.
        """
        services, instances, _ = self._fleet()
        for pattern in patterns:
            if not is_glob(pattern) and pattern not in services:
                raise NotFound(f"no service {check_name(pattern)}", hint=suggest_service(self._store, pattern))
        by_service: dict[str, list[Instance]] = {}
        for (name, _), instance in sorted(instances.items()):
            by_service.setdefault(name, []).append(instance)
        return [
            Entry(service, tuple(by_service.get(name, ())))
            for name, service in sorted(services.items())
            if not patterns or any(matches(pattern, name) for pattern in patterns)
        ]

    def _fleet(self) -> tuple[dict[str, Service], dict[tuple[str, str], Instance], dict[str, str]]:
        services, instances, revisions = {}, {}, {}
        for document in self._store.scan("service/"):
            name = document.key.partition("/")[2]
            services[name] = parse_service(name, document.value)
            revisions[document.key] = document.revision
            if document.is_held:
                raise StoreDamaged(f"the definition of {name} is invalid", hint="mgov store check")
        for document in self._store.scan("instance/"):
            _, name, instance_id = document.key.split("/")
            instances[name, instance_id] = from_value(name, instance_id, document.value)
            revisions[document.key] = document.revision
        return services, instances, revisions


def _write(step: Step, revisions: dict[str, str]) -> Write:
    key = instance_key(step.service, step.instance) if step.instance else service_key(step.service)
    expect = revisions.get(key, ABSENT)
    if step.after is None:
        return Write(key, None, expect)
    if isinstance(step.after, Instance):
        return Write(key, to_value(step.after), expect)
    return Write(key, to_table(step.after), expect)
