"""The fleet as it is known now: each instance with the health that follows from what the store holds.

On the path of the hot verbs: what is needed for one service is read from that service's files and `sweep` alone.
"""

from mgov.errors import NotFound
from mgov.model.health import HealthRecord, Heartbeat, is_ahead, judge
from mgov.model.instance import from_value
from mgov.model.names import check_name, matches
from mgov.model.record import NamedTuple
from mgov.store.base import value_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from mgov.model.health import Health
    from mgov.model.instance import Instance
    from mgov.store.base import Document, Store


class Member(NamedTuple):
    """An instance, its health, the revision of its registration, and its newest beat if it has a TTL."""

    instance: "Instance"
    health: "Health"
    revision: str = ""
    heartbeat: "Heartbeat | None" = None


class Look(NamedTuple):
    """A sweep over a pattern of services that changed nothing it did not write down: it confirms their records.

    What it saw, it saw at `started_at` or later. `left_out` names the services for which it does not speak: an
    instance of theirs was not probed, or this machine could not. Of the newest watcher over the pattern: every how
    many seconds it looks (0: none is known), and when it last did.
    """

    pattern: str
    started_at: float
    at: float
    target_count: int = 0
    failed_count: int = 0
    left_out: "Sequence[str]" = ()
    every_s: float = 0.0
    watched_at: float = 0.0


def looks_in(document: "Document | None") -> "list[Look]":
    """The looks that the `sweep` document holds, newest first."""
    return [Look(**look) for look in value_of(document).get("looks", ())]


def members_of(store: "Store", name: str, *, now: float) -> "list[Member]":
    """The instances of one service by id; empty for a service without any, known or not."""
    documents = list(store.scan(f"instance/{name}/"))
    if not documents:
        return []
    context = _Context(store, name, looks_in(store.read("sweep")))
    return [context.member(document, now) for document in documents]


def member_of(store: "Store", name: str, instance_id: str, *, now: float) -> Member:
    """One instance of a service; NotFound when it is not registered."""
    check_name(name)
    check_name(instance_id, "instance")
    for member in members_of(store, name, now=now):
        if member.instance.id == instance_id:
            return member
    raise NotFound(f"no instance {instance_id} of {name}", hint=instance_hint(store, name, instance_id))


def all_members(store: "Store", *, now: float, pattern: str = "*") -> "Iterator[Member]":
    """Every instance of the services that match `pattern`, by service and id."""
    looks = looks_in(store.read("sweep"))
    health = {document.key.split("/")[1]: document.value for document in store.scan("health/")}
    name, context = "", None
    for document in store.registered():
        family, service, *_ = document.key.split("/")
        if service != name:
            name = service
            held = document.value if family == "maintenance" else {}
            is_wanted = matches(pattern, name)
            context = _Context(store, name, looks, held, health.get(name, {})) if is_wanted else None
        if context is not None and family == "instance":
            yield context.member(document, now)


def suggest_service(store: "Store", name: str, otherwise: str = "mgov services") -> str:
    """A hint for a service name that nobody registered: the one most likely meant, or `otherwise`."""
    from mgov.model.names import is_glob, suggest

    near = None if is_glob(name) else suggest(name, [d.key.partition("/")[2] for d in store.scan("service/")])
    return f"did you mean {near}?" if near else otherwise


def instance_hint(store: "Store", name: str, instance: str) -> str:
    """A hint for an instance that is not registered."""
    from mgov.model.names import suggest

    known = [document.key.rpartition("/")[2] for document in store.scan(f"instance/{name}/")]
    if not known:
        return suggest_service(store, name) if store.read(f"service/{name}") is None else f"{name} has no instances"
    near = suggest(instance, known)
    return f"did you mean {near}?" if near else f"mgov instances {name}"


class _Context:
    """What all instances of one service share."""

    def __init__(
        self,
        store: "Store",
        name: str,
        looks: "Iterable[Look]",
        held: "Mapping[str, Any] | None" = None,
        health: "Mapping[str, Any] | None" = None,
    ) -> None:
        self._store, self._name = store, name
        self._held = value_of(store.read(f"maintenance/{name}")) if held is None else held
        found = value_of(store.read(f"health/{name}")) if health is None else health
        self._records = found.get("instances", {})
        self._looks = [look for look in looks if matches(look.pattern, name) and name not in look.left_out]

    def member(self, document: "Document", now: float) -> Member:
        instance = from_value(self._name, document.key.rpartition("/")[2], document.value)
        heartbeat = self._heartbeat(instance) if instance.ttl_s is not None else None
        health = judge(
            instance.check,
            now=now,
            record=self._record(instance, now),
            maintenance=self._maintenance(instance, now),
            ttl_s=instance.ttl_s,
            heartbeat=heartbeat,
        )
        return Member(instance, health, document.revision, heartbeat)

    def _record(self, instance: "Instance", now: float) -> "HealthRecord | None":
        fields = self._records.get(instance.id)
        if fields is None:
            return None
        record = HealthRecord(**fields)
        if record.checked_at < instance.registered_at:
            return None                             # it speaks of a namesake, or of an earlier address
        for look in self._looks:
            is_newer = look.started_at > record.checked_at and not is_ahead(look.started_at, now)
            if is_newer and instance.registered_at <= look.started_at:
                record = record._replace(checked_at=look.started_at)
        return record

    def _maintenance(self, instance: "Instance", now: float) -> "str | None":
        until = self._held.get("until")
        if self._held and (until is None or now < until):
            return str(self._held.get("reason", ""))
        own = instance.maintenance
        return own.reason if own is not None and own.is_active(now) else None

    def _heartbeat(self, instance: "Instance") -> "Heartbeat | None":
        document = self._store.read(f"heartbeat/{self._name}/{instance.id}")
        if document is None or document.expires_at is None:
            return None
        return Heartbeat(expires_at=document.expires_at, **document.value)
