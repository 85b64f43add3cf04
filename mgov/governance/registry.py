"""The registry: who is there. Services and instances, their life from registration to pruning.

Every change is one commit of the store; the same change again is "unchanged".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mgov.errors import Conflict, NotFound, StoreDamaged, UsageError
from mgov.governance.fleet import Member, all_members, members_of
from mgov.governance.heartbeats import beat
from mgov.model.health import HEALTHY, STATUSES, UNHEALTHY
from mgov.model.instance import Instance, Maintenance, from_value, instance_key, to_value
from mgov.model.names import check_name, is_glob, matches, suggest
from mgov.model.service import Service, parse_service, service_key, to_table
from mgov.store.base import ABSENT, Write, update

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mgov.clock import Clock
    from mgov.model.registration import Registration
    from mgov.store.base import Document, Store

HELD_SHARE = 0.15
HELD_FROM_COUNT = 10
CREATED, CHANGED, UNCHANGED, REMOVED = "created", "changed", "unchanged", "removed"


class Outcome(NamedTuple):
    """What a change did to one thing: `action` is created, changed, unchanged or removed."""

    action: str
    service: str
    instance: str = ""
    revision: str = ""


class Registered(NamedTuple):
    """A service with its revision and the count of its instances, all and healthy."""

    service: Service
    revision: str
    instance_count: int
    healthy_count: int


class Details(NamedTuple):
    """Everything about one service: its definition, its instances with their health, and who depends on it."""

    service: Service
    revision: str
    members: tuple[Member, ...]
    dependents: tuple[str, ...]
    maintenance: Maintenance | None


class Pruned(NamedTuple):
    """What `prune` removed or would remove, and the services that were held back with the number of their dead."""

    members: tuple[Member, ...]
    held: dict[str, int]


class Registry:
    """Services and instances over a store. All times are seconds since the epoch, durations are seconds."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    # -- changing

    def register(
        self,
        name: str,
        url: str | None = None,
        *,
        fields: Registration | None = None,
        replace: bool = False,
        create_only: bool = False,
        expect_revision: str | None = None,
        dry_run: bool = False,
        origin: str = "register",
    ) -> list[Outcome]:
        """Register a service and, with a URL or a TTL in `fields`, one instance of it. Return what became of each.

        Fields that are not given keep their value, unless `replace`. `create_only` and `expect_revision` speak of the
        instance when there is one, else of the service: Conflict when it is not so. UsageError on a bad value.
        """
        from mgov.model.registration import Registration, merge_service

        given = fields or Registration()
        check_name(name)
        document = self._read_service(name)
        before = parse_service(name, document.value) if document is not None and not replace else None
        instance = self._merged_instance(name, url, given, replace=replace, origin=origin)
        service = merge_service(before, name, given, has_instance=instance is not None, origin=origin)
        expect = ABSENT if create_only else expect_revision
        writes = [Write(service.key, to_table(service), expect if instance is None else None)]
        if instance is not None:
            writes.append(Write(instance.key, to_value(instance), expect))
        return self._commit(writes, operation="register", dry_run=dry_run)

    def deregister(self, name: str, instance: str, *, missing_ok: bool = False, dry_run: bool = False) -> list[Outcome]:
        """Remove one instance; NotFound when it is not there, unless `missing_ok`."""
        check_name(name)
        check_name(instance, "instance")
        if self._store.read(instance_key(name, instance)) is None:
            if missing_ok:
                return [Outcome(UNCHANGED, name, instance)]
            raise NotFound(f"no instance {instance} of {name}", hint=self._instance_hint(name, instance))
        outcome = self._commit([Write(instance_key(name, instance), None)], operation="deregister", dry_run=dry_run)
        if not dry_run:
            self._forget_state([Write(f"heartbeat/{name}/{instance}", None)])
        return outcome

    def deregister_all(self, name: str, *, missing_ok: bool = False, dry_run: bool = False) -> list[Outcome]:
        """Remove a service with all its instances and what was observed of them; NotFound unless `missing_ok`."""
        check_name(name)
        instances = [document.key for document in self._store.scan(f"instance/{name}/")]
        keys = [service_key(name), *instances]
        if self._store.read(f"maintenance/{name}") is not None:
            keys.append(f"maintenance/{name}")
        found = [key for key in keys if key in instances or self._store.read(key) is not None]
        if not found:
            if missing_ok:
                return [Outcome(UNCHANGED, name)]
            raise NotFound(f"no service {name}", hint=suggest_service(self._store, name))
        outcome = self._commit([Write(key, None) for key in found], operation="deregister", dry_run=dry_run)
        if not dry_run:
            beats = [Write(key.replace("instance/", "heartbeat/", 1), None) for key in instances]
            self._forget_state([Write(f"health/{name}", None), Write(f"pick/{name}", None), *beats])
        return outcome

    def heartbeat(self, name: str, instance: str | None = None, *, status: str = HEALTHY, note: str = "") -> str:
        """Record a beat of an instance with a TTL and return its id; the only such instance if none is named.

        NotFound for an unknown one, UsageError where no TTL was registered or several instances could be meant.
        """
        return beat(self._store, self._clock, name, instance, status=status, note=note)

    def maintain(
        self, name: str, instance: str | None = None, *, until: float | None = None, reason: str = ""
    ) -> Outcome:
        """Take a service, or one instance, out of service until `until` (None: until ended)."""
        value = Maintenance(self._clock.now(), until, reason)._asdict()
        return self._set_maintenance(name, instance, value)

    def end_maintenance(self, name: str, instance: str | None = None) -> Outcome:
        """Put a service, or one instance, back into service."""
        return self._set_maintenance(name, instance, None)

    def prune(self, *, older_than_s: float, force: bool = False, dry_run: bool = False) -> Pruned:
        """Remove instances that have been dead for `older_than_s`: heartbeat expired, or unhealthy at every look since.

        Where more than 15 % of a service's instances (of ten or more) are dead at once, all of that service are held
        back unless `force`: so many at once is more likely a fault between us and them.
        """
        now = self._clock.now()
        by_service: dict[str, list[Member]] = {}
        for member in all_members(self._store, now=now):
            by_service.setdefault(member.instance.service, []).append(member)
        dead: list[Member] = []
        held: dict[str, int] = {}
        for name, members in by_service.items():
            gone = [m for m in members if _is_dead(m, now - older_than_s)]
            if len(members) >= HELD_FROM_COUNT and len(gone) > HELD_SHARE * len(members) and not force:
                held[name] = len(gone)
            else:
                dead += gone
        self._commit(
            [Write(m.instance.key, None, m.revision) for m in dead], operation="prune", dry_run=dry_run
        )
        return Pruned(tuple(dead), held)

    # -- looking

    def services(
        self,
        pattern: str = "*",
        *,
        tags: Sequence[str] = (),
        owner: str = "",
        search: str = "",
    ) -> list[Registered]:
        """The services that match `pattern`, with all `tags`, of `owner`, with `search` somewhere in their text."""
        counts: dict[str, tuple[int, int]] = {}
        for member in all_members(self._store, now=self._clock.now(), pattern=pattern):
            total, healthy = counts.get(member.instance.service, (0, 0))
            counts[member.instance.service] = (total + 1, healthy + (member.health.status == HEALTHY))
        return [
            Registered(service, revision, *counts.get(service.name, (0, 0)))
            for service, revision in self._definitions()
            if matches(pattern, service.name)
            and set(tags) <= set(service.tags)
            and owner in ("", service.owner)
            and search.lower() in _searched(service)
        ]

    def instances(
        self, pattern: str = "*", *, tags: Sequence[str] = (), status: str = "", region: str = ""
    ) -> list[Member]:
        """The instances of the services that match `pattern`, by service and id."""
        if status and status not in STATUSES:
            raise UsageError(f"there is no status {status[:40]!r}", hint=f"one of {', '.join(STATUSES)}")
        return [
            member
            for member in all_members(self._store, now=self._clock.now(), pattern=pattern)
            if set(tags) <= set(member.instance.tags)
            and status in ("", member.health.status)
            and region in ("", member.instance.region)
        ]

    def show(self, name: str) -> Details:
        """Everything about one service; NotFound when nobody registered it."""
        check_name(name)
        document = self._store.read(service_key(name))
        members = tuple(members_of(self._store, name, now=self._clock.now()))
        if document is None and not members:
            raise NotFound(f"no service {name}", hint=suggest_service(self._store, name))
        service = parse_service(name, document.value) if document is not None else Service(name)
        held = self._store.read(f"maintenance/{name}")
        return Details(
            service,
            document.revision if document is not None else "",
            members,
            tuple(self.dependents(name)),
            Maintenance(**held.value) if held is not None else None,
        )

    def instance(self, name: str, instance_id: str) -> Member:
        """One instance with its health; NotFound when it is not registered."""
        check_name(name)
        check_name(instance_id, "instance")
        for member in members_of(self._store, name, now=self._clock.now()):
            if member.instance.id == instance_id:
                return member
        raise NotFound(f"no instance {instance_id} of {name}", hint=self._instance_hint(name, instance_id))

    def dependents(self, name: str) -> list[str]:
        """The services that depend on `name`."""
        return [
            service.name for service, _ in self._definitions() if any(d.name == name for d in service.dependencies)
        ]

    def maintenances(self) -> list[tuple[str, str, Maintenance]]:
        """What is under maintenance now: (service, instance or '' for all of it, since when and why)."""
        now = self._clock.now()
        found = [
            (document.key.split("/")[1], "", Maintenance(**document.value))
            for document in self._store.scan("maintenance/")
        ]
        found += [
            (m.instance.service, m.instance.id, m.instance.maintenance)
            for m in all_members(self._store, now=now)
            if m.instance.maintenance is not None
        ]
        return sorted(entry for entry in found if entry[2].is_active(now))

    def statistics(self) -> dict[str, Any]:
        """{total_services, total_instances, healthy_instances, services: {NAME: {total, healthy, unhealthy}}}."""
        services = {service.name: {"total": 0, "healthy": 0, "unhealthy": 0} for service, _ in self._definitions()}
        for member in all_members(self._store, now=self._clock.now()):
            counts = services.setdefault(member.instance.service, {"total": 0, "healthy": 0, "unhealthy": 0})
            counts["total"] += 1
            if member.health.status in (HEALTHY, UNHEALTHY):
                counts[member.health.status] += 1
        return {
            "total_services": len(services),
            "total_instances": sum(counts["total"] for counts in services.values()),
            "healthy_instances": sum(counts["healthy"] for counts in services.values()),
            "services": services,
        }

    # -- inside

    def _definitions(self) -> Iterable[tuple[Service, str]]:
        for document in self._store.scan("service/"):
            name = document.key.partition("/")[2]
            yield parse_service(name, document.value), document.revision

    def _read_service(self, name: str) -> Document | None:
        document = self._store.read(service_key(name))
        if document is not None and document.is_held:
            raise StoreDamaged(
                f"the definition of {name} is invalid, so nothing of it is changed", hint="mgov store check"
            )
        return document

    def _merged_instance(
        self, name: str, url: str | None, given: Registration, *, replace: bool, origin: str
    ) -> Instance | None:
        if not given.names_instance(url):
            return None
        from mgov.model.registration import merge_instance

        wanted = given.instance_id(url)
        document = self._store.read(instance_key(name, wanted)) if wanted else None
        before = from_value(name, wanted, document.value) if document is not None else None
        return merge_instance(before, name, url, given, replace=replace, origin=origin, now=self._clock.now())

    def _commit(self, writes: list[Write], *, operation: str, dry_run: bool) -> list[Outcome]:
        before = {write.key: self._store.read(write.key) for write in writes}
        if dry_run:
            for write in writes:
                _check_expected(write, before[write.key])
            revisions = [document.revision if document is not None else "" for document in before.values()]
        else:
            revisions = self._store.write_many(writes, operation=operation)
        return [
            Outcome(_action(write, before[write.key]), *_named(write.key), revision)
            for write, revision in zip(writes, revisions, strict=True)
        ]

    def _forget_state(self, writes: list[Write]) -> None:
        self._store.write_many(writes, operation="deregister")

    def _set_maintenance(self, name: str, instance: str | None, value: dict[str, Any] | None) -> Outcome:
        check_name(name)
        if instance is None:
            if self._store.read(service_key(name)) is None and not any(self._store.scan(f"instance/{name}/")):
                raise NotFound(f"no service {name}", hint=suggest_service(self._store, name))
            before = self._store.read(f"maintenance/{name}")
            if _same_maintenance(before.value if before is not None else None, value):
                return Outcome(UNCHANGED, name)
            write = Write(f"maintenance/{name}", value)
            return Outcome(CHANGED, name, "", self._store.write(write, operation="maintenance"))
        current = self.instance(name, instance).instance.maintenance
        if _same_maintenance(current._asdict() if current is not None else None, value):
            return Outcome(UNCHANGED, name, instance)

        def change(before: dict[str, Any] | None) -> dict[str, Any] | None:
            if before is None:
                raise NotFound(f"instance {instance} of {name} is gone")
            rest = {key: item for key, item in before.items() if key != "maintenance"}
            return rest if value is None else {**rest, "maintenance": value}

        _, revision = update(self._store, instance_key(name, instance), change, operation="maintenance")
        return Outcome(CHANGED, name, instance, revision)

    def _instance_hint(self, name: str, instance: str) -> str:
        known = [document.key.rpartition("/")[2] for document in self._store.scan(f"instance/{name}/")]
        if not known:
            return suggest_service(self._store, name)
        near = suggest(instance, known)
        return f"did you mean {near}?" if near else f"mgov instances {name}"


def suggest_service(store: Store, name: str) -> str:
    """A hint for a service name that nobody registered."""
    if is_glob(name):
        return "mgov services"
    near = suggest(name, [document.key.partition("/")[2] for document in store.scan("service/")])
    return f"did you mean {near}?" if near else "mgov services lists what is there"


def _check_expected(write: Write, document: Document | None) -> None:
    revision = document.revision if document is not None else ABSENT
    if write.expect is not None and write.expect != revision:
        raise Conflict(f"{write.key} is at revision {revision}, not {write.expect}")


def _action(write: Write, before: Document | None) -> str:
    if write.value is None:
        return REMOVED
    if before is None:
        return CREATED
    return UNCHANGED if before.value == write.value else CHANGED


def _named(key: str) -> tuple[str, str]:
    family, name, *rest = key.split("/")
    return name, rest[0] if rest else "" if family == "service" else f"({family})"


def _same_maintenance(before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
    if before is None or after is None:
        return before is after
    return {**before, "since": 0} == {**after, "since": 0}


def _is_dead(member: Member, before: float) -> bool:
    health = member.health
    if health.status != UNHEALTHY or health.stale:
        return False
    since = health.since if health.since is not None else member.instance.registered_at
    return since < before


def _searched(service: Service) -> str:
    texts = (service.name, service.title, service.description, service.owner, service.domain, *service.tags)
    return "\n".join(texts).lower()
