"""An instance: one running copy of a service, at an address or behind a TTL, with what is known of it.

The stored value is a flat mapping; fields at their default are left out, unknown fields are kept as they are.
"""

from mgov.errors import UsageError
from mgov.model.health import DEFAULT_INTERVAL_S, DEFAULT_TIMEOUT_S, NONE, TCP, Check
from mgov.model.names import MAX_NAME_CHARS, authority, check_name, slug, split_url
from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

MAX_WEIGHT = 65535
DEFAULT_WEIGHT = 1
NO_CHECK = Check(NONE)


class Maintenance(NamedTuple):
    """Out of service on purpose: since when, until when (None: until told), and why."""

    since: float
    until: "float | None" = None
    reason: str = ""

    def is_active(self, now: float) -> bool:
        """Whether it still holds at `now`."""
        return self.until is None or now < self.until


class Instance(NamedTuple):
    """One running copy. `host` is '' and `port` 0 for an instance known by its heartbeats alone.

    `origin` says who owns the registration: `manifest:SCOPE`, `register` or `run`. `ttl_s` is in seconds,
    `registered_at` in seconds since the epoch: when it came to its address and check, so that nothing observed before
    speaks of it.
    """

    service: str
    id: str
    host: str = ""
    port: int = 0
    protocol: str = "http"
    check: Check = NO_CHECK
    weight: int = DEFAULT_WEIGHT
    region: str = ""
    zone: str = ""
    version: str = ""
    tags: "tuple[str, ...]" = ()
    metadata: "Mapping[str, str]" = {}
    ttl_s: "float | None" = None
    origin: str = "register"
    registered_at: float = 0.0
    maintenance: "Maintenance | None" = None
    extra: "Mapping[str, Any]" = {}

    @property
    def url(self) -> str:
        """`protocol://host:port`, or '' without an address."""
        return f"{self.protocol}://{authority(self.host, self.port)}" if self.host else ""

    @property
    def key(self) -> str:
        """Its key in the store."""
        return instance_key(self.service, self.id)

    def is_looked_at_like(self, other: "Instance") -> bool:
        """Whether what was observed of `other` holds for this one too: the same address under the same check."""
        mine = (self.protocol, self.host, self.port, self.check.kind, self.check.url)
        return mine == (other.protocol, other.host, other.port, other.check.kind, other.check.url)


def instance_key(service: str, instance_id: str) -> str:
    """The store's key of an instance."""
    return f"instance/{service}/{instance_id}"


def default_id(host: str, port: int) -> str:
    """The id of an instance that was given none: `host-port` as a name; a long host is cut and marked by a checksum."""
    plain = f"{host.replace(':', '-')}-{port}"
    if len(plain) <= MAX_NAME_CHARS:
        return slug(plain)
    from zlib import crc32

    tail = f"-{crc32(host.encode()):08x}-{port}"
    return slug(plain[: MAX_NAME_CHARS - len(tail)]) + tail


def parse_instance_url(text: str) -> tuple[str, str, int]:
    """(protocol, host, port) of an instance's URL; a path is refused, for an instance is an address."""
    protocol, host, port, path = split_url(text)
    if path not in ("", "/"):
        raise UsageError(
            f"an instance's URL ends after the port, not with {path[:80]!r}", hint=f"to check it: --health {path}"
        )
    return protocol, host, port


def default_check(protocol: str, host: str, port: int, ttl_s: "float | None") -> Check:
    """The check of an instance that names none: tcp for an address, none behind a TTL."""
    if not host or ttl_s is not None:
        return NO_CHECK
    from mgov.model.check import parse_check

    return parse_check(TCP, protocol=protocol, host=host, port=port)


def to_value(instance: Instance) -> "dict[str, Any]":
    """The mapping that the store keeps under `instance.key`."""
    value: dict[str, Any] = dict(instance.extra)
    if instance.host:
        value["host"], value["port"] = instance.host, instance.port
    if instance.protocol != "http":
        value["protocol"] = instance.protocol
    check: dict[str, Any] = {"kind": instance.check.kind}
    if instance.check.url:
        check["url"] = instance.check.url
    if instance.check.interval_s != DEFAULT_INTERVAL_S:
        check["interval_s"] = instance.check.interval_s
    if instance.check.timeout_s != DEFAULT_TIMEOUT_S:
        check["timeout_s"] = instance.check.timeout_s
    if instance.check.expect:
        check["expect"] = list(instance.check.expect)
    value["check"] = check
    if instance.weight != DEFAULT_WEIGHT:
        value["weight"] = instance.weight
    for field in ("region", "zone", "version"):
        if text := getattr(instance, field):
            value[field] = text
    if instance.tags:
        value["tags"] = list(instance.tags)
    if instance.metadata:
        value["metadata"] = dict(instance.metadata)
    if instance.ttl_s is not None:
        value["ttl_s"] = instance.ttl_s
    value["origin"] = instance.origin
    value["registered_at"] = instance.registered_at
    if instance.maintenance is not None:
        value["maintenance"] = instance.maintenance._asdict()
    return value


def from_value(service: str, instance_id: str, value: "Mapping[str, Any]") -> Instance:
    """The instance that `to_value` wrote; fields of a later mgov stay in `extra`."""
    known = dict(value)
    check = known.pop("check", None)
    maintenance = known.pop("maintenance", None)
    return Instance(
        service,
        instance_id,
        known.pop("host", ""),
        known.pop("port", 0),
        known.pop("protocol", "http"),
        Check(**{**check, "expect": tuple(check.get("expect", ()))}) if check else NO_CHECK,
        known.pop("weight", DEFAULT_WEIGHT),
        known.pop("region", ""),
        known.pop("zone", ""),
        known.pop("version", ""),
        tuple(known.pop("tags", ())),
        known.pop("metadata", {}),
        known.pop("ttl_s", None),
        known.pop("origin", "register"),
        known.pop("registered_at", 0.0),
        Maintenance(**maintenance) if maintenance else None,
        known,
    )


def check_instance(instance: Instance) -> Instance:
    """Return `instance` if its id, weight, texts and address fit together; else raise UsageError."""
    check_name(instance.id, "instance")
    if type(instance.weight) is not int or not 0 <= instance.weight <= MAX_WEIGHT:
        raise UsageError(f"weight must be a whole number from 0 to {MAX_WEIGHT}, not {instance.weight!r:.40}")
    if not instance.host and instance.ttl_s is None:
        raise UsageError(
            f"instance {instance.id} has neither an address nor a TTL", hint="give a URL, or --ttl 30s with --id"
        )
    if instance.ttl_s is not None and instance.ttl_s < 1:
        raise UsageError("a TTL is at least 1s")
    return instance
