"""Consul's answers as a fleet (Consul HTTP API): what an agent, a catalog or a health endpoint says of services.

    /v1/agent/services               {ID: {Service, Address, Port, Tags, Meta, Weights, TaggedAddresses, ...}}
    /v1/catalog/services             {NAME: [TAG, ...]}; names and tags alone
    /v1/catalog/service/NAME         [{ServiceName, ServiceID, ServiceAddress, Address, ServicePort, ...}]
    /v1/catalog/node/NODE, node-services/NODE    {Node: {...}, Services: {ID: {...}} or [{...}]}
    /v1/health/service/NAME          [{Node, Service, Checks}]

Sidecar proxies are no services; their upstreams are calls of the service beside them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from mgov.formats.findings import INTERNAL, KNOWN_PORTS, Draft, Evidence, Fleet, Found, adopt_labels
from mgov.formats.lined import int_at, items_at, line_of, table_at, tables_at, text_at, text_of
from mgov.formats.malformed import Malformed
from mgov.model.names import authority
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENDPOINTS = "curl -s localhost:8500/v1/agent/services"
_PROTOCOLS = ("http", "https", "grpc", "tcp")
_CHECKS = (("HTTP", ""), ("TCP", "tcp://"), ("GRPC", "grpc://"))
MAX_WEIGHT = 65535


class _Registered(NamedTuple):
    """One registration, whichever endpoint told it. `node` is the address of the node it runs on, if that is known."""

    name: str
    id: str
    table: dict[str, Any]
    node: str = ""
    datacenter: str = ""
    checks: tuple[dict[str, Any], ...] = ()


def read(documents: Iterable[Any], *, address: str = INTERNAL) -> Found:
    """What Consul's answers hold: `internal` addresses are those of its network, `published` ones the WAN's."""
    fleet = Fleet()
    drafts: dict[str, Draft] = {}
    registered: list[_Registered] = []
    for document in documents:
        _refuse_others(document)
        if _is_name_list(document):
            for name, tags in document.items():
                _tag(_draft(fleet, drafts, name), tags)
        else:
            registered += _registrations(document)
    ids = Counter((one.name, one.id) for one in registered)
    for one in registered:
        if not text_at(one.table, "Kind"):              # an id is unique on its node only
            known = one if ids[one.name, one.id] == 1 else one._replace(id="")
            _add(fleet, _draft(fleet, drafts, one.name), known, address)
    for one in registered:
        _calls(fleet, drafts, one)
    fleet.note_all("no address and port are known: no instance", [d.name for d in fleet if "instances" not in d.table])
    return fleet.settle()


def _refuse_others(document: Any) -> None:
    """Refuse what is for another verb. Here `services` and `kind` could be ids, but of registrations."""
    if not isinstance(document, dict):
        return
    if isinstance(document.get("kind"), str):
        raise Malformed("this is a Kubernetes manifest", line_of(document), hint="mgov import kubernetes FILE")
    services = document.get("services")
    if isinstance(services, dict) and "Service" not in services:
        raise Malformed("this is a compose file", line_of(document), hint="mgov import compose FILE")


def _draft(fleet: Fleet, drafts: dict[str, Draft], name: str) -> Draft:
    if name not in drafts:
        drafts[name] = fleet.add(name)
    return drafts[name]


def _is_name_list(document: Any) -> bool:
    return isinstance(document, dict) and bool(document) and all(isinstance(v, list | None) for v in document.values())


def _registrations(document: Any) -> list[_Registered]:
    if isinstance(document, list):
        return [_listed(entry) for entry in document]
    if not isinstance(document, dict):
        raise Malformed("this is no answer of Consul's", hint=_ENDPOINTS)
    if isinstance(document.get("Node"), dict):
        node = text_at(document["Node"], "Address")
        datacenter = text_at(document["Node"], "Datacenter")
        services = document.get("Services")
        entries = services if isinstance(services, list) else list(table_at(document, "Services").values())
        return [_plain(entry, node, datacenter) for entry in entries]
    return [_plain(entry) for entry in document.values()]


def _listed(entry: Any) -> _Registered:
    if isinstance(entry, dict) and isinstance(entry.get("Service"), dict):
        node = table_at(entry, "Node")
        checks = tuple(tables_at(entry, "Checks"))
        return _plain(entry["Service"], text_at(node, "Address"), text_at(node, "Datacenter"))._replace(checks=checks)
    if not isinstance(entry, dict) or "ServiceName" not in entry:
        return _plain(entry)
    service = {key.removeprefix("Service"): value for key, value in entry.items() if key.startswith("Service")}
    service["TaggedAddresses"] = entry.get("ServiceTaggedAddresses")
    name = text_at(entry, "ServiceName")
    if not name:
        raise Malformed("a registration has no ServiceName", hint=_ENDPOINTS)
    found = _Registered(name, text_at(entry, "ServiceID"), service, text_at(entry, "Address"))
    return found._replace(datacenter=text_at(entry, "Datacenter"))


def _plain(entry: Any, node: str = "", datacenter: str = "") -> _Registered:
    name = text_at(entry, "Service") if isinstance(entry, dict) else ""
    if not name:
        raise Malformed("a registration has no Service, the name of what it is", hint=_ENDPOINTS)
    return _Registered(name, text_at(entry, "ID"), entry, node, text_at(entry, "Datacenter") or datacenter)


def _add(fleet: Fleet, draft: Draft, one: _Registered, address: str) -> None:
    meta = {key: text_of(value, f"Meta.{key:.80}") for key, value in table_at(one.table, "Meta").items()}
    adopt_labels(draft, meta)
    host, port = _place(one, address)
    if not port or not host:
        if port:
            fleet.note(f"{draft.name}: {one.id or port} has no address of its own; /v1/catalog/service has the node's")
        _tag(draft, one.table.get("Tags"))
        return
    tags = _texts(one.table.get("Tags"))
    fields: dict[str, Any] = {"tags": tags} if tags else {}
    if one.datacenter:
        fields["region"] = one.datacenter
    weight = int_at(table_at(one.table, "Weights"), "Passing")
    if weight is not None and weight != 1:
        fields["weight"] = min(weight, MAX_WEIGHT)
    if meta.get("version"):
        fields["version"] = meta["version"]
    spoken = [word.lower() for word in (meta.get("protocol", ""), *tags) if word.lower() in _PROTOCOLS]
    protocol = spoken[0] if spoken else KNOWN_PORTS.get(port, "http")
    health = _health(fleet, draft, one, host)
    draft.add_instance(one.id or f"{host}-{port}", f"{protocol}://{authority(host, port)}", health, **fields)


def _place(one: _Registered, address: str) -> tuple[str, int]:
    """Its host and port, '' and 0 where they are not known; behind a translated address stands a port of its own."""
    port = int_at(one.table, "Port") or 0
    tagged = table_at(one.table, "TaggedAddresses")
    kinds = ("lan", "lan_ipv4") if address == INTERNAL else ("wan", "wan_ipv4")
    translated = next((table_at(tagged, kind) for kind in kinds if kind in tagged), {})
    there = text_at(translated, "Address"), int_at(translated, "Port") or port
    if address != INTERNAL:
        return there
    own = text_at(one.table, "Address")
    return there if there[0] and not own else (own or one.node, port)


def _health(fleet: Fleet, draft: Draft, one: _Registered, host: str) -> Any:
    for check in one.checks:
        definition = table_at(check, "Definition")
        for key, prefix in _CHECKS:
            place = text_at(definition, key)
            if place:
                name = text_at(check, "Name")[:80] or key
                fleet.note(f"{draft.name}: {one.id or host} is checked as {name} (inferred)")
                times = {field.lower(): text_at(definition, field) for field in ("Interval", "Timeout")}
                times = {field: text for field, text in times.items() if text not in ("", "0s")}
                return {"check": prefix + place, **times} if times else prefix + place
    return None


def _calls(fleet: Fleet, drafts: dict[str, Draft], one: _Registered) -> None:
    proxy = table_at(one.table, "Proxy")
    connect = table_at(one.table, "Connect")
    inner = table_at(table_at(connect, "SidecarService"), "Proxy")
    caller = drafts.get(text_at(proxy, "DestinationServiceName") or one.name)
    for upstream in [*tables_at(proxy, "Upstreams"), *tables_at(inner, "Upstreams")]:
        name = text_at(upstream, "DestinationName")
        if caller is not None and name in drafts:
            caller.calls_to(drafts[name].name, Evidence("the upstreams of its proxy"))
        elif caller is not None:
            fleet.note(f"{caller.name}: an upstream of its proxy names {name:.80}, which is not here")


def _tag(draft: Draft, tags: Any) -> None:
    known = draft.table.setdefault("tags", []) if _texts(tags) else []
    known += [tag for tag in _texts(tags) if tag not in known]


def _texts(tags: Any) -> list[str]:
    """Tags that mgov can hold: not empty, without commas, each once."""
    found = [text_of(tag, "a tag") for tag in items_at({"Tags": tags}, "Tags")]
    return [tag for tag in dict.fromkeys(found) if tag and "," not in tag]
