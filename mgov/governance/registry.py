"""The registry: who is there. Services and instances, their life from registration to pruning.

Every change is one commit of the store; the same change again is "unchanged".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import Conflict, NotFound, UsageError
from mgov.governance.definition import definition_tables, read_to_change
from mgov.governance.fleet import Member, all_members, member_of, members_of, suggest_service
from mgov.governance.heartbeats import beat, target_of
from mgov.governance.leaving import Pruned, prune, remove_instance, remove_service
from mgov.governance.maintaining import active_maintenances, set_maintenance
from mgov.governance.outcomes import CHANGED, CREATED, UNCHANGED, Outcome
from mgov.model.health import HEALTHY, STATUSES, UNHEALTHY
from mgov.model.instance import Instance, Maintenance, from_value, instance_key, to_value
from mgov.model.names import check_name, matches
from mgov.model.record import NamedTuple
from mgov.model.service import Service, parse_service, service_key, to_table
from mgov.store.base import ABSENT, UPDATE_ATTEMPTS, Write, check_expected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mgov.clock import Clock
    from mgov.model.graph import Graph
    from mgov.model.registration import Registration
    from mgov.store.base import Document, Store


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
        from mgov.model.registration import Registration

        given = fields or Registration()
        check_name(name)
        wanted = given.instance_id(url) if given.names_instance(url) else ""
        expect = ABSENT if create_only else expect_revision
        for _ in range(UPDATE_ATTEMPTS):
            before = read_to_change(self._store, name), self._store.read(instance_key(name, wanted)) if wanted else None
            service = _merged_service(before[0], name, given, has_instance=bool(wanted), replace=replace, origin=origin)
            writes = [_guarded(service.key, to_table(service), before[0], None if wanted else expect)]
            if wanted:
                instance = self._merged_instance(before[1], name, url, given, replace=replace, origin=origin)
                writes.append(_guarded(instance.key, to_value(instance), before[1], expect))
            try:
                revisions = self._revisions(before) if dry_run else self._store.write_many(writes, operation="register")
            except Conflict:
                continue                            # somebody was quicker: what they wrote is merged with next
            return [
                Outcome(_action(write, document), *_named(write.key), revision)
                for write, document, revision in zip(writes, before, revisions, strict=False)
            ]
        raise Conflict(f"{name} changed {UPDATE_ATTEMPTS} times while it was being registered", hint="try again")

    def deregister(self, name: str, instance: str, *, missing_ok: bool = False, dry_run: bool = False) -> list[Outcome]:
        """Remove one instance and what was observed of it; NotFound when it is not there, unless `missing_ok`."""
        return remove_instance(self._store, name, instance, missing_ok=missing_ok, dry_run=dry_run)

    def deregister_all(self, name: str, *, missing_ok: bool = False, dry_run: bool = False) -> list[Outcome]:
        """Remove a service with all its instances and what was observed of them; NotFound unless `missing_ok`."""
        return remove_service(self._store, name, missing_ok=missing_ok, dry_run=dry_run)

    def heartbeat(self, name: str, instance: str | None = None, *, status: str = HEALTHY, note: str = "") -> str:
        """Record a beat of an instance with a TTL and return its id; the only such instance if none is named.

        NotFound for an unknown one, UsageError where no TTL was registered or several instances could be meant.
        """
        return beat(self._store, self._clock, name, instance, status=status, note=note)

    def beating(self, name: str, instance: str | None = None) -> str:
        """The id of the instance that a beat would be for; raises as `heartbeat`."""
        return target_of(self._store, name, instance).id

    def maintain(
        self, name: str, instance: str | None = None, *, until: float | None = None, reason: str = ""
    ) -> Outcome:
        """Take a service, or one instance, out of service until `until` (None: until ended)."""
        now = self._clock.now()
        return set_maintenance(self._store, name, instance, Maintenance(now, until, reason), now=now)

    def end_maintenance(self, name: str, instance: str | None = None) -> Outcome:
        """Put a service, or one instance, back into service."""
        return set_maintenance(self._store, name, instance, None, now=self._clock.now())

    def prune(self, *, older_than_s: float, force: bool = False, dry_run: bool = False) -> Pruned:
        """Remove instances that have been dead for `older_than_s`: heartbeat expired, or unhealthy at every look since.

        Where more than 15 % of a service's instances (of ten or more) are dead at once, all of that service are held
        back unless `force`: so many at once is more likely a fault between us and them.
        """
        now = self._clock.now()
        return prune(self._store, now=now, older_than_s=older_than_s, force=force, dry_run=dry_run)

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
        return member_of(self._store, name, instance_id, now=self._clock.now())

    def graph(self) -> Graph:
        """The dependency graph that the services declare."""
        from mgov.model.graph import Graph

        return Graph.of_definitions(definition_tables(self._store))

    def with_needs(self, patterns: Sequence[str]) -> list[str]:
        """`patterns`, and the registered services that those which match any of them need, directly or not."""
        from mgov.model.graph import Graph

        registered = definition_tables(self._store)
        graph = Graph.of_definitions(registered)
        named = {name for name in registered if any(matches(pattern, name) for pattern in patterns)}
        needed = {need for name in named for need in graph.needs(name) if need in registered}
        return sorted({*patterns, *needed})

    def dependents(self, name: str) -> list[str]:
        """The services that depend on `name`."""
        return [
            service.name for service, _ in self._definitions() if any(d.name == name for d in service.dependencies)
        ]

    def maintenances(self) -> list[tuple[str, str, Maintenance]]:
        """What is under maintenance now: (service, instance or '' for all of it, since when and why)."""
        return active_maintenances(self._store, now=self._clock.now())

    def statistics(self) -> dict[str, Any]:
        """{total_services, total_instances, healthy_instances, services: {NAME: {total, healthy, unhealthy}}}."""
        services = {name: {"total": 0, "healthy": 0, "unhealthy": 0} for name in definition_tables(self._store)}
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

    def _merged_instance(
        self,
        document: Document | None,
        name: str,
        url: str | None,
        given: Registration,
        *,
        replace: bool,
        origin: str,
    ) -> Instance:
        from mgov.model.registration import merge_instance

        before = from_value(name, given.instance_id(url), document.value) if document is not None else None
        return merge_instance(before, name, url, given, replace=replace, origin=origin, now=self._clock.now())

    @staticmethod
    def _revisions(documents: Sequence[Document | None]) -> list[str]:
        return [document.revision if document is not None else "" for document in documents]


def _merged_service(
    document: Document | None, name: str, given: Registration, *, has_instance: bool, replace: bool, origin: str
) -> Service:
    from mgov.model.registration import merge_service

    before = parse_service(name, document.value) if document is not None else None
    return merge_service(before, name, given, has_instance=has_instance, replace=replace, origin=origin)


def _guarded(key: str, value: dict[str, Any], before: Document | None, expect: str | None) -> Write:
    """The write that is lost when somebody changes `before` first; Conflict when it is not as the caller expects."""
    revision = before.revision if before is not None else None
    check_expected(Write(key, value, expect), revision)
    return Write(key, value, revision or ABSENT)


def _action(write: Write, before: Document | None) -> str:
    if before is None:
        return CREATED
    return UNCHANGED if before.value == write.value else CHANGED


def _named(key: str) -> tuple[str, str]:
    family, name, *rest = key.split("/")
    return name, rest[0] if rest else "" if family == "service" else f"({family})"


def _searched(service: Service) -> str:
    texts = (service.name, service.title, service.description, service.owner, service.domain, *service.tags)
    return "\n".join(texts).lower()
