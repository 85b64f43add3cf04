"""The probes of pods (Kubernetes, "Configure Liveness, Readiness and Startup Probes") as checks through a Service.

Readiness says whether a pod may serve, so it comes first, then liveness, then startup. A probe asks a container's port;
from outside that is whichever Service port leads there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.formats.healthcommand import Probe, probe_of
from mgov.formats.lined import int_at, items_at, line_of, table_at, tables_at, text_at, text_of
from mgov.model.health import GRPC, HTTP, HTTPS, TCP
from mgov.model.healthpolicy import MOST_LOOKS
from mgov.model.names import split_url
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.formats.findings import Draft, Fleet
    from mgov.formats.kubernetes_objects import ServicePort, Workload

_PROBES = ("readinessProbe", "livenessProbe", "startupProbe")
_OUTSIDE = "tcp is checked instead"


class _Timed(NamedTuple):
    """A probe, how often and how long, where it stands, and how many looks in a row count."""

    probe: Probe
    times: dict[str, str]
    source: str
    line: int
    fall: int | None = None
    rise: int | None = None


class PodCheck:
    """How the pods of one service are checked; `say` tells at the end what became of their probes."""

    def __init__(self, fleet: Fleet, draft: Draft, workloads: list[Workload]) -> None:
        self._fleet = fleet
        self._draft = draft
        self._numbers: dict[str, int] = {}
        self._probes: list[_Timed] = []
        self._used: dict[int, str] = {}
        containers = [container for workload in workloads for container in workload.containers]
        for container in containers:
            for port in tables_at(container, "ports"):
                number = int_at(port, "containerPort")
                if number is not None and (name := text_at(port, "name")):
                    self._numbers.setdefault(name, number)
        for container in containers:
            self._take(container)

    def container_port(self, port: ServicePort) -> int:
        """The container's port that a Service port leads to; its own number where the target's name is unknown."""
        return self._number(port.target) or port.port

    def of(self, number: int, reach: Mapping[int, str], spoken: str) -> tuple[str, Any]:
        """(protocol, health entry or None) for what leads to the container's port `number`.

        `reach` tells where each container port is reached, `spoken` is the protocol as far as it is known.
        """
        chosen = next((one for one in self._probes if one.probe.port == number), None)
        chosen = chosen or next((one for one in self._probes if one.probe.port in reach), None)
        if chosen is None:
            return spoken or HTTP, None
        probe = chosen.probe
        self._draft.hold_checks(fall=chosen.fall, rise=chosen.rise, insecure=probe.is_insecure)
        is_own = probe.port == number
        is_http = probe.kind in (HTTP, HTTPS)
        self._used[chosen.line] = f"{probe.kind} {probe.path}" if is_http else probe.kind
        protocol = probe.kind if is_own and probe.kind in (HTTP, HTTPS, GRPC) else spoken or HTTP
        service = probe.path.strip("/") if probe.kind == GRPC else ""
        if is_own and not service:
            check = probe.path if is_http else probe.kind
        else:
            check = f"{probe.kind}://{reach[probe.port]}{probe.path if is_http or service else ''}"
        if check == TCP and not chosen.times:
            return protocol, None
        return protocol, {"check": check, **chosen.times} if chosen.times else check

    def say(self) -> None:
        """Note what each probe became, and those that cannot be reached."""
        for one in self._probes:
            if one.line in self._used or (not one.line and self._used):
                shown = self._used.get(one.line, "")
                self._fleet.note(f"{self._draft.name}: its {one.source} becomes {shown} (inferred)", one.line)
            elif "instances" in self._draft.table and not self._used:
                self._fleet.note(f"{self._draft.name}: its {one.source} asks port {one.probe.port}, which no Service "
                                 f"port leads to: {_OUTSIDE}", one.line)

    def _take(self, container: dict[str, Any]) -> None:
        for source in _PROBES:
            table = table_at(container, source)
            if not table:
                continue
            line = line_of(container, source)
            probe = self._probe(table)
            if probe is None:
                self._fleet.note(f"{self._draft.name}: its {source} runs inside the container or names no port: "
                                 f"{_OUTSIDE}", line)
                continue
            times = {}
            for field, key in (("interval", "periodSeconds"), ("timeout", "timeoutSeconds")):
                seconds = int_at(table, key)
                if seconds:
                    times[field] = f"{seconds}s"
            fall, rise = (_looks(int_at(table, key)) for key in ("failureThreshold", "successThreshold"))
            self._probes.append(_Timed(probe, times, source, line, fall, rise))
            return

    def _probe(self, table: dict[str, Any]) -> Probe | None:
        if "httpGet" in table:
            asked = table_at(table, "httpGet")
            number = self._number(text_at(asked, "port"))
            kind = HTTPS if text_at(asked, "scheme").upper() == "HTTPS" else HTTP
            path = text_at(asked, "path") or "/"
            path = path if path.startswith("/") else f"/{path}"
            is_insecure = kind == HTTPS                 # the kubelet never looks at the certificate
            return Probe(kind, number, path, is_insecure=is_insecure) if number and _is_path(path) else None
        if "grpc" in table:
            asked = table_at(table, "grpc")
            number = self._number(text_at(asked, "port"))
            return Probe(GRPC, number, f"/{text_at(asked, 'service')}") if number else None
        if "tcpSocket" in table:
            number = self._number(text_at(table_at(table, "tcpSocket"), "port"))
            return Probe(TCP, number) if number else None
        words = items_at(table_at(table, "exec"), "command")
        return probe_of([text_of(word, "command") for word in words])

    def _number(self, text: str) -> int:
        if text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535:
            return int(text)
        return self._numbers.get(text, 0)


def _looks(count: int | None) -> int | None:
    return min(count, MOST_LOOKS) if count and count > 1 else None


def _is_path(path: str) -> bool:
    try:
        split_url(f"http://host{path}")
    except UsageError:
        return False
    return True
