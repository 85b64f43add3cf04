"""A service: what people own of it. Its text form is one table of a manifest, and one file of a store.

Parsing is strict: an unknown key is refused with a suggestion, a value of the wrong type with its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.model.names import check_name
from mgov.model.record import NamedTuple
from mgov.model.tables import check_text, metadata_at, refuse_unknown, text_at, texts_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.model.breaker_policy import BreakerPolicy
    from mgov.model.healthpolicy import HealthPolicy
    from mgov.model.limit import LimitPolicy

SYNCHRONOUS, ASYNCHRONOUS = "synchronous", "asynchronous"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
TEXT_FIELDS = ("title", "version", "description", "owner", "domain", "tier")
POLICIES = ("health", "limit", "breaker")       # tables of rules, each with a module of its own
_SCHEMAS = ("schema", "config_schema")
_KEYS = ("name", *TEXT_FIELDS, "tags", "metadata", "datastores", "api", *_SCHEMAS, "dependencies", *POLICIES, "origin")


class Dependency(NamedTuple):
    """Another service that this one calls; `is_optional` when it can do without."""

    name: str
    type: str = SYNCHRONOUS
    is_optional: bool = False


class Service(NamedTuple):
    """A definition. `api` lists endpoints as `METHOD /path`; `schema` is a JSON Schema of what the service owns,
    `config_schema` of its configuration; `limit` is how often it may be called, None for as often as one likes.

    `health` is what holds for the checks of all its instances. `origin` says who keeps the definition:
    `manifest:SCOPE`, `register`, or '' where a person wrote the file.
    """

    name: str
    title: str = ""
    version: str = ""
    description: str = ""
    owner: str = ""
    domain: str = ""
    tier: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = {}
    datastores: tuple[str, ...] = ()
    api: tuple[str, ...] = ()
    schema: Mapping[str, Any] = {}
    config_schema: Mapping[str, Any] = {}
    dependencies: tuple[Dependency, ...] = ()
    health: HealthPolicy | None = None
    limit: LimitPolicy | None = None
    breaker: BreakerPolicy | None = None
    origin: str = ""

    @property
    def key(self) -> str:
        """Its key in the store."""
        return service_key(self.name)


def service_key(name: str) -> str:
    """The store's key of a service."""
    return f"service/{name}"


def parse_service(name: str, table: Mapping[str, Any]) -> Service:
    """The service that a manifest's or store's table describes; raise UsageError naming the key at fault."""
    check_name(name)
    refuse_unknown(table, _KEYS, "a service")
    if table.get("name", name) != name:
        raise UsageError(f"name is {table['name']!r:.80}, but it stands under {name!r}")
    texts = {field: text_at(table, field) for field in TEXT_FIELDS}
    api, policies = table.get("api", []), _policies(table)
    return Service(
        name,
        **texts,
        tags=texts_at(table, "tags"),
        metadata=metadata_at(table),
        datastores=texts_at(table, "datastores"),
        api=parse_api(api),
        schema=check_schema(table.get("schema", {})),
        config_schema=check_schema(table.get("config_schema", {}), "config_schema"),
        dependencies=parse_dependencies(table.get("dependencies", []), of=name),
        health=policies.get("health"),
        limit=policies.get("limit"),
        breaker=policies.get("breaker"),
        origin=text_at(table, "origin"),
    )


def to_table(service: Service) -> dict[str, Any]:
    """The table that `parse_service` reads back to `service`; fields at their default are left out."""
    table: dict[str, Any] = {"name": service.name}
    for field in TEXT_FIELDS:
        if text := getattr(service, field):
            table[field] = text
    for field in ("tags", "datastores", "api"):
        if items := getattr(service, field):
            table[field] = list(items)
    if service.dependencies:
        table["dependencies"] = [_dependency_entry(dependency) for dependency in service.dependencies]
    if service.origin:
        table["origin"] = service.origin
    if service.metadata:
        table["metadata"] = dict(service.metadata)
    if policies := {key: policy for key in POLICIES if (policy := getattr(service, key)) is not None}:
        from mgov.model.policies import policy_tables

        table.update(policy_tables(policies))
    for field in _SCHEMAS:
        if schema := getattr(service, field):
            table[field] = dict(schema)
    return table


def parse_dependency(text: str) -> Dependency:
    """The dependency written as `NAME[:async|:sync][:optional|:required]`, in either order."""
    name, *words = text.split(":")
    kind, is_optional = SYNCHRONOUS, False
    for word in words:
        if word in ("async", ASYNCHRONOUS):
            kind = ASYNCHRONOUS
        elif word == "optional":
            is_optional = True
        elif word not in ("sync", SYNCHRONOUS, "required"):
            raise UsageError(
                f"{word[:40]!r} in {text[:80]!r} is no kind of dependency", hint=f"write it like {name}:async:optional"
            )
    return Dependency(check_name(name), kind, is_optional)


def parse_dependencies(entries: Any, *, of: str) -> tuple[Dependency, ...]:
    """The dependencies of service `of`: names or tables of name, type and optional; each name once, never itself."""
    if not isinstance(entries, list | tuple):
        raise UsageError(f"dependencies must be a list, not {entries!r:.40}")
    found: dict[str, Dependency] = {}
    for place, entry in enumerate(entries):
        try:
            dependency = _parse_entry(entry)
        except UsageError as error:
            raise UsageError(f"dependencies[{place}]: {error.message}", hint=error.hint) from None
        if dependency.name == of:
            raise UsageError(f"dependencies[{place}]: {of} cannot depend on itself")
        if dependency.name in found:
            raise UsageError(f"dependencies[{place}]: {dependency.name} stands twice")
        found[dependency.name] = dependency
    return tuple(found[name] for name in sorted(found))


def parse_api(entries: Any) -> tuple[str, ...]:
    """Endpoints as `METHOD /path`, sorted and each once."""
    if not isinstance(entries, list | tuple):
        raise UsageError(f"api must be a list of endpoints, not {entries!r:.40}")
    endpoints = set()
    for place, entry in enumerate(entries):
        method, _, path = entry.partition(" ") if isinstance(entry, str) else ("", "", "")
        if method not in METHODS or not path.startswith("/"):
            raise UsageError(f"api[{place}]: {entry!r:.80} is not an endpoint", hint='write it like "GET /orders/{id}"')
        endpoints.add(check_text(entry, f"api[{place}]"))
    return tuple(sorted(endpoints))


def openapi_endpoints(document: Any) -> tuple[str, ...]:
    """The endpoints of an OpenAPI 2 or 3 document (its `paths` object); raise UsageError when it is none."""
    paths = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(paths, dict) or not (document.get("openapi") or document.get("swagger")):
        raise UsageError("this is not an OpenAPI document: it has no openapi version with paths")
    endpoints = []
    for path, operations in paths.items():
        if isinstance(operations, dict):
            endpoints += [f"{method.upper()} {path}" for method in operations if method.upper() in METHODS]
    return parse_api(endpoints)


def _policies(table: Mapping[str, Any]) -> dict[str, Any]:
    if not any(key in table for key in POLICIES):       # as in most definitions
        return {}
    from mgov.model.policies import parse_policies

    return parse_policies(table)


def _parse_entry(entry: Any) -> Dependency:
    if isinstance(entry, str):
        return parse_dependency(entry)
    if not isinstance(entry, dict):
        raise UsageError(f"{entry!r:.40} is neither a name nor a table")
    refuse_unknown(entry, ("name", "type", "optional"), "a dependency")
    kind, is_optional = entry.get("type", SYNCHRONOUS), entry.get("optional", False)
    if kind not in (SYNCHRONOUS, ASYNCHRONOUS):
        raise UsageError(f"type must be {SYNCHRONOUS} or {ASYNCHRONOUS}, not {kind!r:.40}")
    if not isinstance(is_optional, bool):
        raise UsageError(f"optional must be true or false, not {is_optional!r:.40}")
    return Dependency(check_name(text_at(entry, "name")), kind, is_optional)


def _dependency_entry(dependency: Dependency) -> str | dict[str, Any]:
    if dependency == Dependency(dependency.name):
        return dependency.name
    entry: dict[str, Any] = {"name": dependency.name}
    if dependency.type != SYNCHRONOUS:
        entry["type"] = dependency.type
    if dependency.is_optional:
        entry["optional"] = True
    return entry


def check_schema(value: Any, place: str = "schema") -> dict[str, Any]:
    """Return `value` if it is a table that both JSON and TOML can hold; else raise UsageError naming the place."""
    if not isinstance(value, dict):
        raise UsageError(f"{place} must be a table, not {value!r:.40}")
    _plain(value, place)
    return value


def _plain(value: Any, place: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise UsageError(f"{place:.80}: the key {key!r:.40} must be text in quotes")
            check_text(key, place)
            _plain(item, f"{place}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _plain(item, f"{place}[{index}]")
    elif isinstance(value, str):
        check_text(value, place)
    elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise UsageError(f"{place:.80} is not a finite number")
    elif isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        raise UsageError(f"{place:.80} does not fit 64 bits")
    elif value is None:
        raise UsageError(f"{place:.80} is null, which TOML cannot hold")
    elif not isinstance(value, bool | int | float):
        raise UsageError(f"{place:.80} is a {type(value).__name__}, which JSON cannot hold", hint="put it in quotes")
