"""Kubernetes manifests as a fleet: workloads and Services become services, Service ports instances, probes checks.

A Service and the workloads whose pods it selects are one service here. It has the name that both share, else the
Service's, else the workload's. Internal addresses are cluster DNS names (Kubernetes, "DNS for Services and Pods");
published ones are those of load balancers, external IPs and Ingress hosts, as far as the objects tell them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.formats.findings import INTERNAL, Draft, Fleet, Found, adopt_labels, protocol_of, version_of
from mgov.formats.kubernetes_objects import (
    CONFIG_MAP,
    DEFAULT_NAMESPACE,
    INGRESS,
    SERVICE,
    STATEFUL_SET,
    WORKLOADS,
    Object,
    ServicePort,
    Workload,
    is_kept,
    labels_of,
    maps_read,
    objects_of,
    selector_of,
    service_ports,
    settings_of,
    workload_of,
)
from mgov.formats.kubernetes_probes import PodCheck
from mgov.formats.lined import items_at, line_of, table_at, tables_at, text_at
from mgov.formats.malformed import Malformed
from mgov.model.names import authority, slug
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_APP_PROTOCOLS = ("http", "https", "grpc", "tcp", "redis", "mysql", "mongo", "postgres", "amqp", "kafka", "nats", "tls")
_ConfigMaps = dict[str, dict[str, Object]]      # by namespace and name
_SILENT = (CONFIG_MAP, INGRESS)


class _Group(NamedTuple):
    """What becomes one service: Services and the workloads behind them."""

    services: list[Object]
    workloads: list[Workload]


def read(documents: Iterable[Any], *, address: str = INTERNAL, namespace: str = DEFAULT_NAMESPACE) -> Found:
    """What the documents hold; `namespace` is where objects live that do not say it. Malformed names the line."""
    return _Reader(address, namespace).read(documents)


class _Reader:
    """One reading of one set of documents."""

    def __init__(self, address: str, namespace: str) -> None:
        self._address = address
        self._namespace = namespace
        self._fleet = Fleet()
        self._by_host: dict[tuple[str, str], Draft] = {}
        self._stateful: set[tuple[str, str]] = set()    # (service, StatefulSet) whose pods have names of their own
        self._sought: list[Draft] = []                  # those that should be somewhere

    def read(self, documents: Iterable[Any]) -> Found:
        things = [thing._replace(namespace=thing.namespace or self._namespace) for thing in objects_of(documents)]
        self._say_skipped(things)
        kept = [thing for thing in things if not is_kept(thing)]
        _refuse_doubled(kept)
        services = [thing for thing in kept if thing.kind == SERVICE]
        workloads = [workload_of(thing) for thing in kept if thing.kind in WORKLOADS]
        maps: _ConfigMaps = {}
        for thing in kept:
            if thing.kind == CONFIG_MAP:
                maps.setdefault(thing.namespace, {})[thing.name] = thing
        spaces: dict[str, str] = {}
        if not services and not workloads:
            kinds = ", ".join(sorted({thing.kind for thing in things})) or "empty documents"
            raise Malformed(f"it holds no services, only {kinds:.200}", hint="kubectl get deploy,svc -o yaml")
        for group in _grouped(services, workloads):
            draft = self._draft(group, spaces)
            for thing in group.services:
                self._by_host[thing.namespace, thing.name.lower()] = draft
            self._describe(draft, group, maps)
            self._instances(draft, group)
        if self._address != INTERNAL:
            self._ingresses([thing for thing in kept if thing.kind == INGRESS])
        self._fleet.note_all(
            "no Service port reaches it: no instance" if self._address == INTERNAL
            else "no published address is known: no instance",
            [draft.name for draft in self._sought if "instances" not in draft.table],
        )  # fmt: skip
        self._fleet.infer_calls(lambda draft, host: self._owner_of(spaces[draft.name], host))
        return self._fleet.settle()

    def _say_skipped(self, things: list[Object]) -> None:
        counts: dict[str, list[Object]] = {}
        for thing in things:
            if is_kept(thing):
                counts.setdefault(f"{thing.kind} kept by another object", []).append(thing)
            elif thing.kind not in (SERVICE, *_SILENT, *WORKLOADS):
                counts.setdefault(thing.kind, []).append(thing)
        for kind, skipped in counts.items():
            self._fleet.note(f"skipped {len(skipped)} {kind}", skipped[0].line)

    def _draft(self, group: _Group, spaces: dict[str, str]) -> Draft:
        things = [*group.services, *(workload.object for workload in group.workloads)]
        named = {workload.object.name for workload in group.workloads}
        first = next((thing for thing in group.services if thing.name in named), things[0])
        if spaces.setdefault(slug(first.name), first.namespace) != first.namespace:
            raise Malformed(
                f"{first.name:.80} stands in the namespaces {spaces[slug(first.name)]} and {first.namespace}",
                first.line,
                hint="import one namespace at a time: kubectl get deploy,svc -n NAMESPACE -o yaml",
            )
        draft = self._fleet.add(first.name, first.line)
        if first.namespace != DEFAULT_NAMESPACE:
            draft.describe("namespace", first.namespace)
        others = ", ".join(f"{thing.kind} {thing.name}" for thing in things if thing.name != first.name)
        if others:
            self._fleet.note(f"{draft.name} is also {others:.200} (inferred from the selector)", first.line)
        return draft

    def _describe(self, draft: Draft, group: _Group, maps: _ConfigMaps) -> None:
        for labels in (workload.labels for workload in group.workloads):
            adopt_labels(draft, labels)
        for thing in group.services:
            adopt_labels(draft, labels_of(thing.table))
        for workload in group.workloads:
            for container in workload.containers[:1]:
                draft.put("version", version_of(text_at(container, "image")))
            if workload.replicas is not None and workload.replicas != 1:
                draft.describe("replicas", str(workload.replicas))
            if workload.object.kind == STATEFUL_SET:
                self._stateful.add((draft.name, workload.object.name.lower()))
            at_hand = maps.get(workload.object.namespace, {})
            draft.settings += list(settings_of(workload, at_hand))
            for name, line in dict(maps_read(workload)).items():
                if name not in at_hand:
                    self._fleet.note(f"{draft.name}: it reads the ConfigMap {name:.80}, which is not here", line)

    def _instances(self, draft: Draft, group: _Group) -> None:
        if group.workloads and all(workload.replicas == 0 for workload in group.workloads):
            self._fleet.note(f"{draft.name}: it has no replicas: no instance", draft.line)
            return
        self._sought.append(draft)
        check = PodCheck(self._fleet, draft, group.workloads)
        for thing in group.services:
            ports = self._tcp_ports(draft, thing)
            draft.ports |= {port.port for port in ports}
            for host in self._hosts(thing):
                reach = {check.container_port(port): authority(host, port.port) for port in ports}
                for port in ports:
                    protocol, health = check.of(check.container_port(port), reach, _protocol(port))
                    place = thing.name if self._address == INTERNAL else host
                    draft.add_instance(f"{place.replace(':', '-')}-{port.port}",
                                       f"{protocol}://{authority(host, port.port)}", health)
        check.say()

    def _tcp_ports(self, draft: Draft, thing: Object) -> list[ServicePort]:
        ports = service_ports(thing)
        for port in ports:
            if port.transport != "tcp":
                left_out = f"{port.port}/{port.transport:.20} is left out, it is not tcp"
                self._fleet.note(f"{draft.name}: {left_out}", port.line)
        return [port for port in ports if port.transport == "tcp"]

    def _hosts(self, thing: Object) -> list[str]:
        spec = table_at(thing.table, "spec")
        if self._address == INTERNAL:
            return [text_at(spec, "externalName") or f"{thing.name}.{thing.namespace}.svc.cluster.local"]
        balancer = table_at(table_at(thing.table, "status"), "loadBalancer")
        hosts = [text_at(one, "hostname") or text_at(one, "ip") for one in tables_at(balancer, "ingress")]
        hosts += [text_at(spec, "loadBalancerIP"), *(str(ip) for ip in items_at(spec, "externalIPs"))]
        found = list(dict.fromkeys(host for host in hosts if host))
        if not found and text_at(spec, "type") in ("LoadBalancer", "NodePort"):
            self._fleet.note(f"the address of the {text_at(spec, 'type')} {thing.name:.80} is not in it", thing.line)
        return found

    def _ingresses(self, things: list[Object]) -> None:
        for thing in things:
            spec = table_at(thing.table, "spec")
            secure = {str(host) for tls in tables_at(spec, "tls") for host in items_at(tls, "hosts")}
            for rule in tables_at(spec, "rules"):
                host = text_at(rule, "host")
                for path in tables_at(table_at(rule, "http"), "paths"):
                    backend = table_at(path, "backend")
                    name = text_at(table_at(backend, "service"), "name") or text_at(backend, "serviceName")
                    draft = self._by_host.get((thing.namespace, name.lower()))
                    if draft is None or not host or "*" in host:
                        self._fleet.note(f"a rule of the Ingress {thing.name:.80} is left out", line_of(rule))
                        continue
                    scheme, port = ("https", 443) if host in secure else ("http", 80)
                    draft.add_instance(f"{host}-{port}", f"{scheme}://{host}:{port}")
                    self._fleet.note(f"{draft.name} is published as {scheme}://{host} (inferred from the Ingress)",
                                     line_of(rule))

    def _owner_of(self, namespace: str, host: str) -> Draft | None:
        """Whose a host name is, seen from a pod in `namespace`: NAME, NAME.NS, NAME.NS.svc, NAME.NS.svc.DOMAIN.

        A pod of a StatefulSet has its own name before these: SET-0.NAME, SET-0.NAME.NS ...
        """
        parts = host.lower().split(".")
        found = self._behind(namespace, parts)
        if found is not None or len(parts) == 1:
            return found
        owner = self._behind(namespace, parts[1:])
        stateful, _, number = parts[0].rpartition("-")
        return owner if owner and number.isdigit() and (owner.name, stateful) in self._stateful else None

    def _behind(self, namespace: str, parts: list[str]) -> Draft | None:
        name, *rest = parts
        if len(rest) > 1 and rest[1] != "svc":
            return None
        return self._by_host.get((rest[0] if rest else namespace, name))


def _refuse_doubled(things: list[Object]) -> None:
    seen: set[tuple[str, str, str]] = set()
    for thing in things:
        if (thing.kind, thing.namespace, thing.name) in seen:
            raise Malformed(f"the {thing.kind:.80} {thing.name:.80} stands twice", thing.line)
        seen.add((thing.kind, thing.namespace, thing.name))


def _grouped(services: list[Object], workloads: list[Workload]) -> list[_Group]:
    """Services together with the workloads they select or share a name with, in the order of the file."""
    parent = list(range(len(services) + len(workloads)))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    def join(one: int, other: int) -> None:
        low, high = sorted((root(one), root(other)))
        parent[high] = low

    by_label: dict[tuple[str, str, str], list[int]] = {}
    for number, workload in enumerate(workloads):
        for key, text in workload.pod_labels.items():
            by_label.setdefault((workload.object.namespace, key, text), []).append(number)
    for number, thing in enumerate(services):
        wanted = selector_of(thing).items()
        if wanted:
            found = [by_label.get((thing.namespace, key, text), []) for key, text in wanted]
            for chosen in set(found[0]).intersection(*found[1:]):
                join(number, len(services) + chosen)
    by_name: dict[tuple[str, str], int] = {}
    for number, thing in enumerate([*services, *(workload.object for workload in workloads)]):
        join(by_name.setdefault((thing.namespace, thing.name), number), number)
    groups: dict[int, _Group] = {}
    for one in range(len(parent)):
        group = groups.setdefault(root(one), _Group([], []))
        if one < len(services):
            group.services.append(services[one])
        else:
            group.workloads.append(workloads[one - len(services)])
    return list(groups.values())


def _protocol(port: ServicePort) -> str:
    """What a port speaks by its appProtocol, its name (`grpc`, `http-admin`), or its number; '' where nothing tells."""
    for word in (port.app_protocol.rpartition("/")[2], port.name.partition("-")[0], port.name.rpartition("-")[2]):
        if word.lower() in _APP_PROTOCOLS and word.lower() != "tcp":
            return word.lower()
    known = protocol_of(port.port)
    return known if known != "http" else ""
