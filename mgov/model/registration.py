"""What one `register` gives, and how it changes what is known: None was not given, and keeps what is there.

With an address or a TTL, version, tags and metadata describe the instance; a service that has none of its own yet
takes them over too, so that one line registers both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.model.check import expecting, parse_check, parse_check_url
from mgov.model.health import COMMAND, NONE, Check
from mgov.model.instance import (
    Instance,
    check_instance,
    default_check,
    default_id,
    parse_instance_url,
)
from mgov.model.names import check_name
from mgov.model.record import NamedTuple
from mgov.model.service import Dependency, Service, parse_service, to_table
from mgov.model.tables import check_text, metadata_at, text_at, texts_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FLAGS = {"interval_s": "check-interval", "timeout_s": "check-timeout"}
_SERVICE_TEXTS = ("title", "description", "owner", "domain", "tier")


class Registration(NamedTuple):
    """The fields of one registration. `health` is what `parse_check` reads; durations are seconds.

    `tags` and the other sequences replace what was there; an empty one clears it. `policy` holds the keys of the
    service's `health` table that are given, '' or None to clear one; `expect` is the instance's where one is named,
    else the service's.
    """

    title: str | None = None
    description: str | None = None
    owner: str | None = None
    domain: str | None = None
    tier: str | None = None
    dependencies: Sequence[Dependency] | None = None
    datastores: Sequence[str] | None = None
    api: Sequence[str] | None = None
    schema: Mapping[str, Any] | None = None
    version: str | None = None
    tags: Sequence[str] | None = None
    metadata: Mapping[str, str] | None = None
    id: str | None = None
    region: str | None = None
    zone: str | None = None
    weight: int | None = None
    health: str | None = None
    interval_s: float | None = None
    expect: Sequence[str] | None = None
    timeout_s: float | None = None
    ttl_s: float | None = None
    policy: Mapping[str, Any] | None = None

    def names_instance(self, url: str | None) -> bool:
        """Whether an instance is meant, not only its service; raise UsageError where half of one is named."""
        if url is not None or self.ttl_s is not None:
            return True
        for field in ("region", "zone", "weight", "health", "interval_s", "timeout_s"):
            if getattr(self, field) is not None and self.id is None:
                flag = _FLAGS.get(field, field)
                raise UsageError(f"--{flag} belongs to an instance", hint="give its URL, or the --id of one")
        return self.id is not None

    def instance_id(self, url: str | None) -> str:
        """The id of the instance that is meant; raise UsageError where none follows."""
        if self.id is not None:
            return check_name(self.id, "instance")
        if url is None:
            raise UsageError("an instance without a URL needs a name", hint="add --id, such as --id worker-1")
        _, host, port = parse_instance_url(url)
        return default_id(host, port)


def merge_service(
    before: Service | None, name: str, given: Registration, *, has_instance: bool, replace: bool, origin: str
) -> Service:
    """The service after `given`; with `replace` nothing stays of `before` but who keeps it and its limit."""
    base = Service(name, origin=origin) if before is None else before
    table: dict[str, Any] = to_table(Service(name, limit=base.limit, origin=base.origin) if replace else base)
    for field in _SERVICE_TEXTS:
        _set(table, field, getattr(given, field))
    _set(table, "datastores", given.datastores)
    _set(table, "api", given.api)
    _set(table, "schema", given.schema)
    if given.dependencies is not None:
        table["dependencies"] = [_table_of(dependency) for dependency in given.dependencies]
    _set(table, "health", _policy(table.get("health", {}), given, has_instance=has_instance))
    for field in ("version", "tags", "metadata"):
        if not has_instance or not table.get(field):
            _set(table, field, getattr(given, field))
    return parse_service(name, table)


def merge_instance(
    before: Instance | None,
    service: str,
    url: str | None,
    given: Registration,
    *,
    replace: bool,
    origin: str,
    now: float,
) -> Instance:
    """The instance after `given`. `registered_at` stays unless its address or check changed."""
    base = before if before is not None and not replace else None
    instance = base or Instance(service, given.instance_id(url), origin=origin)
    if url is not None:
        protocol, host, port = parse_instance_url(url)
        instance = instance._replace(protocol=protocol, host=host, port=port)
    for field in ("region", "zone", "version"):
        if (text := getattr(given, field)) is not None:
            changed: dict[str, Any] = {field: text_at({field: text}, field)}
            instance = instance._replace(**changed)
    if given.weight is not None:
        instance = instance._replace(weight=given.weight)
    if given.tags is not None:
        instance = instance._replace(tags=texts_at({"tags": list(given.tags)}, "tags"))
    if given.metadata is not None:
        instance = instance._replace(metadata=metadata_at({"metadata": dict(given.metadata)}))
    if given.ttl_s is not None:
        instance = instance._replace(ttl_s=round(given.ttl_s, 3))
    instance = check_instance(instance._replace(check=_check(base, instance, given)))
    if before is not None:
        instance = instance._replace(
            registered_at=before.registered_at, origin=before.origin, maintenance=before.maintenance, extra=before.extra
        )
        return instance if instance.is_looked_at_like(before) else instance._replace(registered_at=now)
    return instance._replace(registered_at=now)


def _check(before: Instance | None, instance: Instance, given: Registration) -> Check:
    address = (instance.protocol, instance.host, instance.port)
    if given.health is not None:
        check = _named_check(given.health, instance)
    elif before is None or _follows_default(before):
        check = default_check(*address, instance.ttl_s)
    else:
        check = _moved(before, instance)
    old = before.check if before is not None else Check(NONE)
    interval_s = given.interval_s if given.interval_s is not None else old.interval_s
    timeout_s = given.timeout_s if given.timeout_s is not None else old.timeout_s
    if interval_s < 0.1 or timeout_s < 0.001:
        raise UsageError("a check needs an interval of at least 100ms and a timeout of at least 1ms")
    check = check._replace(interval_s=round(interval_s, 3), timeout_s=round(timeout_s, 3))
    return expecting(check, tuple(given.expect if given.expect is not None else old.expect))


def _named_check(text: str, instance: Instance) -> Check:
    check_text(text, "--health")
    if not instance.host and text != NONE and not text.startswith(f"{COMMAND}:"):
        return parse_check_url(text)
    return parse_check(text, protocol=instance.protocol, host=instance.host, port=instance.port)


def _follows_default(instance: Instance) -> bool:
    check = default_check(instance.protocol, instance.host, instance.port, instance.ttl_s)
    return (instance.check.kind, instance.check.url) == (check.kind, check.url)


def _moved(before: Instance, instance: Instance) -> Check:
    # A check at the instance's own address moves with it.
    old, new = before.url.partition("://")[2], instance.url.partition("://")[2]
    scheme, _, rest = before.check.url.partition("://")
    if old and new and (rest == old or rest.startswith(f"{old}/")):
        return before.check._replace(url=f"{scheme}://{new}{rest[len(old) :]}")
    return before.check


def _policy(before: Mapping[str, Any], given: Registration, *, has_instance: bool) -> dict[str, Any]:
    """The service's `health` table after `given`."""
    table = {**before, **(given.policy or {})}
    if given.expect is not None and not has_instance:
        table["expect"] = list(given.expect)
    return {key: value for key, value in table.items() if value not in (None, "", [], False)}


def _set(table: dict[str, Any], field: str, value: Any) -> None:
    if value is None:
        return
    if value in ("", (), [], {}):
        table.pop(field, None)
    else:
        table[field] = list(value) if isinstance(value, tuple) else value


def _table_of(dependency: Dependency) -> dict[str, Any]:
    return {"name": dependency.name, "type": dependency.type, "optional": dependency.is_optional}

