"""The healthcheck of a compose service (Compose Specification, "healthcheck") as a check of each of its addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.formats.findings import protocol_of
from mgov.formats.lined import is_number, line_of, table_at, text_at, text_of
from mgov.formats.malformed import Malformed
from mgov.model.health import GRPC, HTTP, HTTPS, NONE, TCP
from mgov.model.names import authority, slug
from mgov.model.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.formats.compose_ports import Fill, Port
    from mgov.formats.findings import Draft, Fleet
    from mgov.formats.healthcommand import Probe

    Place = tuple[str, int]


class ServiceCheck:
    """The health check of a service's instances, as its healthcheck tells it."""

    def __init__(self, fleet: Fleet, draft: Draft, service: Any, fill: Fill, places: Mapping[int, Place]) -> None:
        table = table_at(service, "healthcheck")
        self._places = places
        self._times: dict[str, str] = {}
        self._probe: Probe | None = None
        test = _test(table, fill)
        if not test or table.get("disable") is True or not places:
            return
        # Most services state none: shlex and the rules of commands are loaded for those that do.
        from mgov.formats.healthcommand import probe_of, probe_of_line
        from mgov.model.healthpolicy import MOST_LOOKS

        for key in ("interval", "timeout"):
            line = line_of(table, key)
            if text := fill(text_at(table, key), line):
                self._times[key] = _duration(text, key, line)
        probe = probe_of(test[1:]) if test[0] == "CMD" else probe_of_line(test[1])
        retries = fill(text_at(table, "retries"), line_of(table, "retries"))
        draft.hold_checks(fall=min(int(retries), MOST_LOOKS) if is_number(retries) else None,
                          insecure=probe is not None and probe.is_insecure)
        why_not = _why_not(probe, draft, places)
        self._probe = None if why_not else probe
        said = f"{why_not}: tcp is checked instead" if why_not else f"becomes {_shown(probe)} (inferred)"
        fleet.note(f"{draft.name}: its health command {said}", line_of(table, "test"))

    def of(self, port: Port) -> tuple[str, Any]:
        """(protocol, health entry of the manifest, None for the default) of the instance at `port`."""
        probe = self._probe
        protocol = port.app_protocol or protocol_of(port.container)
        if probe is None:
            return protocol, {"check": TCP, **self._times} if self._times else None
        if probe.port == port.container:
            if probe.kind in (HTTP, HTTPS, GRPC):
                protocol = probe.kind
            check = probe.path if probe.kind in (HTTP, HTTPS) else probe.kind
        else:
            place = authority(*self._places[probe.port])
            check = f"{probe.kind}://{place}{probe.path if probe.kind in (HTTP, HTTPS) else ''}"
        return protocol, {"check": check, **self._times} if self._times else check


def _why_not(probe: Probe | None, draft: Draft, places: Mapping[int, Place]) -> str:
    from mgov.formats.healthcommand import LOCAL_HOSTS

    if probe is None:
        return "runs inside the container"
    if probe.host not in LOCAL_HOSTS and slug(probe.host) != draft.name:
        return f"asks {probe.host}"
    return "" if probe.port in places else f"asks port {probe.port}, which cannot be reached from outside"


def _test(table: dict[str, Any], fill: Fill) -> list[str]:
    """The words of a health test, the first of them CMD or CMD-SHELL; [] where there is none."""
    test = table.get("test")
    if isinstance(test, list):
        words = [fill(text_of(word, "test", line_of(test, at)), line_of(test, at)) for at, word in enumerate(test)]
        if len(words) >= 2 and words[0] in ("CMD", "CMD-SHELL"):
            return words
        if words not in ([], ["NONE"]):
            raise Malformed("a health test begins with CMD, CMD-SHELL or NONE", line_of(table, "test"))
        return []
    text = fill(text_at(table, "test"), line_of(table, "test"))
    words = text.split(" ", 1)
    if words[0] in ("CMD", "CMD-SHELL") and len(words) == 2:    # often written by mistake; docker runs it as a shell
        return ["CMD-SHELL", words[1]]
    return ["CMD-SHELL", text] if text.strip() not in ("", "NONE") else []


def _duration(text: str, key: str, line: int) -> str:
    try:
        return format_duration(max(parse_duration(text), 0.1 if key == "interval" else 0.001))
    except UsageError as error:
        raise Malformed(f"{key}: {error.message}", line, hint=error.hint) from None


def _shown(probe: Probe | None) -> str:
    if probe is None:
        return NONE
    path = f" {probe.path}" if probe.kind in (HTTP, HTTPS) else ""
    return f"{probe.kind}{path} on {probe.port}"
