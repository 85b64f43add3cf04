"""Kubernetes objects as the importer needs them: workloads with their containers, and the Services in front of them.

Objects come as documents of a YAML file, or as the items of a List (`kubectl get ... -o json`). What another object
keeps (a Deployment's Pods) is left out in favour of its keeper; what runs once (a Job) is no service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.formats.lined import int_at, line_of, pairs_at, table_at, tables_at, text_at, text_of
from mgov.formats.malformed import Malformed
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Setting = tuple[str, str, int]

POD, SERVICE, INGRESS, CONFIG_MAP, CRON_JOB = "Pod", "Service", "Ingress", "ConfigMap", "CronJob"
STATEFUL_SET = "StatefulSet"
WORKLOADS = ("Deployment", STATEFUL_SET, "DaemonSet", "ReplicaSet", "ReplicationController", "Rollout", CRON_JOB, POD)
DEFAULT_NAMESPACE = "default"


class Object(NamedTuple):
    """Any object: its kind, its name in its namespace ('' where the file does not say), and the whole of it."""

    kind: str
    name: str
    namespace: str
    table: Mapping[str, Any]
    line: int


class Workload(NamedTuple):
    """What runs pods: the labels of its own and of its pods, and the pods' specification."""

    object: Object
    labels: dict[str, str]
    pod_labels: dict[str, str]
    spec: Mapping[str, Any]
    replicas: int | None

    @property
    def containers(self) -> list[dict[str, Any]]:
        """Its containers that go on running."""
        return tables_at(self.spec, "containers")


class ServicePort(NamedTuple):
    """A port of a Service; `target` is a container's port or the name of one."""

    port: int
    target: str
    name: str
    transport: str
    app_protocol: str
    line: int


def objects_of(documents: Iterable[Any], *, kind_above: str = "") -> Iterator[Object]:
    """Every object of the documents, Lists taken apart; raise Malformed where one has no kind or no name.

    `kind_above` is the kind of what does not say its own: the API server leaves it out in a DeploymentList.
    """
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict):
            raise Malformed("a Kubernetes object is a mapping", line_of(document))
        kind = text_at(document, "kind") or kind_above
        if not kind and "services" in document:
            raise Malformed("this is a compose file", line_of(document), hint="mgov import compose FILE")
        if not kind:
            raise Malformed("an object has no kind", line_of(document), hint="kubectl get deploy,svc -o yaml")
        if kind.endswith("List") and "items" in document:
            yield from objects_of(tables_at(document, "items"), kind_above=kind.removesuffix("List"))
            continue
        metadata = table_at(document, "metadata")
        name = text_at(metadata, "name")
        if not name:
            raise Malformed(f"this {kind:.80} has no name", line_of(document))
        yield Object(kind, name, text_at(metadata, "namespace"), document, line_of(metadata, "name"))


def is_kept(thing: Object) -> bool:
    """Whether another object keeps this one, as a Deployment keeps its ReplicaSets."""
    owners = tables_at(table_at(thing.table, "metadata"), "ownerReferences")
    return any(owner.get("controller") is True for owner in owners)


def workload_of(thing: Object) -> Workload:
    """The workload that an object of one of WORKLOADS is."""
    labels = labels_of(thing.table)
    spec = table_at(thing.table, "spec")
    if thing.kind == POD:
        return Workload(thing, labels, labels, spec, None)
    if thing.kind == CRON_JOB:
        spec = table_at(table_at(spec, "jobTemplate"), "spec")
    template = table_at(spec, "template")
    inside = labels_of(template)
    replicas = int_at(spec, "replicas")
    return Workload(thing, {**inside, **labels}, inside, table_at(template, "spec"), replicas)


def labels_of(table: Mapping[str, Any]) -> dict[str, str]:
    """The labels of an object, and below them its annotations."""
    metadata = table_at(table, "metadata")
    labels = {**table_at(metadata, "annotations"), **table_at(metadata, "labels")}
    return {key: text_of(value, f"the label {key:.80}", line_of(metadata)) for key, value in labels.items()}


def service_ports(thing: Object) -> list[ServicePort]:
    """The ports of a Service."""
    found = []
    for port in tables_at(table_at(thing.table, "spec"), "ports"):
        number = int_at(port, "port")
        if number is None or not 1 <= number <= 65535:
            raise Malformed(f"a port of the Service {thing.name:.80} is not a number from 1 to 65535", line_of(port))
        target, transport = text_at(port, "targetPort") or str(number), text_at(port, "protocol") or "tcp"
        name, spoken = text_at(port, "name"), text_at(port, "appProtocol")
        found.append(ServicePort(number, target, name, transport.lower(), spoken, line_of(port, "port")))
    return found


def selector_of(thing: Object) -> dict[str, str]:
    """The labels that a Service asks of its pods; empty where it selects none."""
    selector = table_at(table_at(thing.table, "spec"), "selector")
    return {key: text_of(value, "selector", line_of(selector, key)) for key, value in selector.items()}


def settings_of(workload: Workload, maps: Mapping[str, Object]) -> Iterator[Setting]:
    """(name, value, line) of each environment variable of its containers, the initial ones too.

    `maps` holds the ConfigMaps of its namespace that are at hand; Secrets are never read. `$(NAME)` stands for what
    was set before it.
    """
    for container in [*workload.containers, *tables_at(workload.spec, "initContainers")]:
        known: dict[str, str] = {}
        for name, value, line in [*_from_maps(container, maps), *_own(container, maps)]:
            known[name] = _expanded(value, known)
            yield name, known[name], line


def _from_maps(container: Any, maps: Mapping[str, Object]) -> Iterator[Setting]:
    for source in tables_at(container, "envFrom"):
        prefix = text_at(source, "prefix")
        thing = maps.get(text_at(table_at(source, "configMapRef"), "name"))
        if thing is not None:
            for key, value, line in pairs_at(thing.table, "data"):
                yield prefix + key, text_of(value, f"the entry {key:.80}", line), line


def _own(container: Any, maps: Mapping[str, Object]) -> Iterator[Setting]:
    for entry in tables_at(container, "env"):
        name = text_at(entry, "name")
        line = line_of(entry, "value") if "value" in entry else line_of(entry)
        wanted = table_at(table_at(entry, "valueFrom"), "configMapKeyRef")
        thing = maps.get(text_at(wanted, "name")) if wanted else None
        if thing is not None:
            yield name, text_at(table_at(thing.table, "data"), text_at(wanted, "key")), line
        else:
            yield name, text_at(entry, "value", f"the variable {name:.80}"), line


def maps_read(workload: Workload) -> Iterator[tuple[str, int]]:
    """(name, line) of each ConfigMap that its containers need for their environment."""
    for container in [*workload.containers, *tables_at(workload.spec, "initContainers")]:
        sources = [(one, "configMapRef") for one in tables_at(container, "envFrom")]
        sources += [(table_at(one, "valueFrom"), "configMapKeyRef") for one in tables_at(container, "env")]
        for source, key in sources:
            wanted = table_at(source, key)
            if wanted and wanted.get("optional") is not True:
                yield text_at(wanted, "name"), line_of(wanted)


def _expanded(value: str, known: Mapping[str, str]) -> str:
    if "$(" not in value:
        return value
    parts = value.split("$(")
    done = [parts[0]]
    for part in parts[1:]:
        name, closed, rest = part.partition(")")
        done.append(known[name] + rest if closed and name in known else f"$({part}")
        if sum(map(len, done)) > 64 * 1024:             # each may double the last: what is so long names no host
            return ""
    return "".join(done)
