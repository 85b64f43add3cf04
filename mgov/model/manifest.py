"""The manifest: a fleet as one document, in TOML or JSON, read by `apply` and `diff`, written by `export`.

    services.NAME                a service's table (model.service), and in it
    services.NAME.instances[]    id, url or host/port/protocol, health, ttl, region, zone, version, weight, tags ...

What `dump` writes, `parse` reads back to the same records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.model.check import parse_check, parse_check_table
from mgov.model.health import COMMAND, DEFAULT_INTERVAL_S, DEFAULT_TIMEOUT_S, HTTPS, NONE, TCP, Check
from mgov.model.instance import (
    DEFAULT_WEIGHT,
    Instance,
    check_instance,
    default_check,
    default_id,
    parse_instance_url,
)
from mgov.model.names import authority, check_host, check_name, check_port
from mgov.model.record import NamedTuple
from mgov.model.service import Service, parse_service, to_table
from mgov.model.tables import metadata_at, refuse_unknown, text_at, texts_at
from mgov.model.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_INSTANCE_KEYS = (
    "id", "url", "host", "port", "protocol", "health", "region", "zone", "version", "weight", "tags", "metadata", "ttl",
)  # fmt: skip


class Entry(NamedTuple):
    """One service of a manifest with its instances."""

    service: Service
    instances: tuple[Instance, ...] = ()


def parse(document: Any) -> tuple[Entry, ...]:
    """The entries of a manifest, by name; raise UsageError naming the place, as `services.orders.instances[0]: ...`."""
    if not isinstance(document, dict):
        raise UsageError("a manifest is a table with the key 'services'")
    refuse_unknown(document, ("services",), "a manifest")
    if "services" not in document:          # an empty file is a mistake, and with prune a costly one
        raise UsageError("a manifest has the key 'services'", hint="an empty fleet is written: [services]")
    services = document["services"]
    if not isinstance(services, dict):
        raise UsageError("services must be a table of services by name")
    by_name = {str(name): table for name, table in services.items()}
    return tuple(_parse_entry(name, by_name[name]) for name in sorted(by_name))


def dump(entries: Iterable[Entry]) -> dict[str, Any]:
    """The document that `parse` reads back to `entries`; who registered what and when is not part of it."""
    services = {}
    for entry in entries:
        table = to_table(entry.service._replace(origin=""))
        del table["name"]
        if entry.instances:
            table["instances"] = [instance_table(instance) for instance in entry.instances]
        services[entry.service.name] = table
    return {"services": services}


def parse_instance(service: str, table: Mapping[str, Any]) -> Instance:
    """The instance that a manifest's table describes, without an origin; raise UsageError naming the key."""
    refuse_unknown(table, _INSTANCE_KEYS, "an instance")
    protocol, host, port = _address(table)
    ttl = text_at(table, "ttl")
    ttl_s = parse_duration(ttl) if ttl else None
    instance = Instance(
        service,
        text_at(table, "id") or (default_id(host, port) if host else ""),
        host,
        port,
        protocol,
        _check(table.get("health"), protocol, host, port, ttl_s),
        table.get("weight", DEFAULT_WEIGHT),
        region=text_at(table, "region"),
        zone=text_at(table, "zone"),
        version=text_at(table, "version"),
        tags=texts_at(table, "tags"),
        metadata=metadata_at(table),
        ttl_s=ttl_s,
        origin="",
    )
    return check_instance(instance)


def instance_table(instance: Instance) -> dict[str, Any]:
    """The table that `parse_instance` reads back, without who registered it and when."""
    table: dict[str, Any] = {"id": instance.id}
    if instance.host:
        table["url"] = instance.url
    if instance.check != default_check(instance.protocol, instance.host, instance.port, instance.ttl_s):
        table["health"] = _health_entry(instance)
    for field in ("region", "zone", "version"):
        if text := getattr(instance, field):
            table[field] = text
    if instance.weight != DEFAULT_WEIGHT:
        table["weight"] = instance.weight
    if instance.ttl_s is not None:
        table["ttl"] = format_duration(instance.ttl_s)
    if instance.tags:
        table["tags"] = list(instance.tags)
    if instance.metadata:
        table["metadata"] = dict(instance.metadata)
    return table


def definition_of(instance: Instance) -> Instance:
    """`instance` without what mgov keeps beside its definition: origin, time, maintenance, later fields."""
    return instance._replace(origin="", registered_at=0.0, maintenance=None, extra={})


def _parse_entry(name: str, table: Any) -> Entry:
    place = f"services.{name[:80]}"
    try:
        check_name(name)
        if not isinstance(table, dict):
            raise UsageError("a service is a table")
        own = {key: value for key, value in table.items() if key != "instances"}
        if "origin" in own:
            raise UsageError("a service has no key 'origin' in a manifest", hint="the scope of apply decides it")
        service = parse_service(name, own)
        instances = table.get("instances", [])
        if not isinstance(instances, list):
            raise UsageError("instances must be a list of tables")
    except UsageError as error:
        raise type(error)(f"{place}: {error.message}", hint=error.hint) from None
    found: dict[str, Instance] = {}
    for number, entry in enumerate(instances):
        try:
            if not isinstance(entry, dict):
                raise UsageError("an instance is a table")
            instance = parse_instance(name, entry)
            if instance.id in found:
                raise UsageError(f"the id {instance.id} stands twice")
        except UsageError as error:
            raise type(error)(f"{place}.instances[{number}]: {error.message}", hint=error.hint) from None
        found[instance.id] = instance
    return Entry(service, tuple(found[key] for key in sorted(found)))


def _address(table: Mapping[str, Any]) -> tuple[str, str, int]:
    url = text_at(table, "url")
    if url:
        if {"host", "port", "protocol"} & set(table):
            raise UsageError("give either url, or host, port and protocol")
        return parse_instance_url(url)
    host = text_at(table, "host")
    if not host:
        return "http", "", 0
    protocol = text_at(table, "protocol") or "http"
    place = authority(check_host(host), check_port(table.get("port")))
    return parse_instance_url(f"{check_protocol(protocol)}://{place}")


def check_protocol(text: str) -> str:
    """Return `text` if it can stand before `://`."""
    if text[:1].isalpha() and all(c.isascii() and (c.isalnum() or c in "+.-") for c in text):
        return text.lower()
    raise UsageError(f"protocol must be a word like http, https, grpc or redis, not {text[:40]!r}")


def _check(value: Any, protocol: str, host: str, port: int, ttl_s: float | None) -> Check:
    if value is None:
        return default_check(protocol, host, port, ttl_s)
    if not isinstance(value, str | dict):
        raise UsageError(f"health must be text or a table, not {value!r:.40}")
    named = value if isinstance(value, str) else value.get("check", TCP)
    is_whole = isinstance(named, str) and (named == NONE or named.startswith(f"{COMMAND}:") or "://" in named)
    if not host and isinstance(named, str) and not is_whole:
        raise UsageError("a check of an instance without an address must be a whole URL, or none")
    if isinstance(value, str):
        return parse_check(value, protocol=protocol, host=host, port=port)
    return parse_check_table(value, protocol=protocol, host=host, port=port)


def _health_entry(instance: Instance) -> str | dict[str, Any]:
    check = instance.check
    table: dict[str, Any] = {"check": _check_text(instance)}
    if check.interval_s != DEFAULT_INTERVAL_S:
        table["interval"] = format_duration(check.interval_s)
    if check.timeout_s != DEFAULT_TIMEOUT_S:
        table["timeout"] = format_duration(check.timeout_s)
    if check.expect:
        table["expect"] = list(check.expect)
    return table if len(table) > 1 else str(table["check"])


def _check_text(instance: Instance) -> str:
    check = instance.check
    if check.kind == NONE:
        return NONE
    if not instance.host or check.kind == COMMAND:
        return check.url
    place = authority(instance.host, instance.port)
    if check.url == f"{check.kind}://{place}":
        return check.kind
    natural = f"{HTTPS if instance.protocol == HTTPS else 'http'}://{place}/"
    return check.url[len(natural) - 1 :] if check.url.startswith(natural) else check.url
