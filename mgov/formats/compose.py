"""A compose file as a fleet (Compose Specification): services, ports, health checks, and who calls whom.

`read` takes a parsed document (formats.yamltext or JSON) and gives what it found. Addresses are those published on the
host, or those that the services themselves use: the service's name and the container's port. Variables are filled from
`environ`; one that is not set is refused, except in an image's tag, which gives only a version. What it takes from
other files is followed where `files` opens them (compose_files), else it is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.formats.compose_files import Assembly, Part, filled
from mgov.formats.compose_health import ServiceCheck
from mgov.formats.compose_ports import TCP, Port, ports_of
from mgov.formats.findings import (
    INTERNAL,
    PUBLISHED,
    Draft,
    Evidence,
    Fleet,
    Found,
    adopt_labels,
    version_of,
)
from mgov.formats.interpolation import HINT, Unset, interpolate
from mgov.formats.lined import is_number, items_at, line_of, pairs_at, table_at, text_of
from mgov.formats.malformed import Malformed
from mgov.model.names import authority, check_host

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mgov.formats.compose_files import Files

MAX_SETTINGS = 64 * 1024 * 1024                  # characters of all environments, of files that many services share
_ELSEWHERE = ("extends", "env_file")


def read(
    documents: Iterable[Any],
    *,
    address: str = PUBLISHED,
    environ: Mapping[str, str] | None = None,
    files: Files | None = None,
) -> Found:
    """What the documents of a compose file hold; raise Malformed with the line where one is not to be read."""
    return _Reader(address, environ or {}, files).read(list(documents))


class _Reader:
    """One reading of one file; `_environ` fills the variables of the service at hand."""

    def __init__(self, address: str, environ: Mapping[str, str], files: Files | None) -> None:
        self._address = address
        self._environ = environ
        self._files = files
        self._fleet = Fleet()
        self._by_host: dict[str, Draft] = {}
        self._linked: dict[tuple[str, str], Draft] = {}
        self._versions_unset: list[str] = []
        self._without_ports: list[str] = []
        self._left = MAX_SETTINGS

    def read(self, documents: list[Any]) -> Found:
        services: list[tuple[Draft, dict[str, Any]]] = []
        for part in self._parts(documents):
            draft = self._fleet.add(part.name, part.line)
            self._environ = part.environ
            self._describe(draft, part.table)
            self._hosts(draft, part.table)
            self._instances(draft, part.table)
            self._settings(draft, part)
            services.append((draft, part.table))
        for draft, service in services:
            self._stated_calls(draft, service)
        self._fleet.infer_calls(self._owner_of)
        self._fleet.note_all("the image's tag holds a variable that is not set: no version", self._versions_unset)
        outside = "published" if self._address == PUBLISHED else "exposed"
        self._fleet.note_all(f"no port is {outside}: no instance", self._without_ports)
        return self._fleet.settle()

    def _parts(self, documents: list[Any]) -> Iterator[Part]:
        for document in documents:
            self._check(document)
        if self._files is not None:
            yield from Assembly(self._files, self._fleet.note).parts(self._files.main(documents), self._environ)
            return
        for document in documents:
            if "include" in (document or ()):
                self._fleet.note(f"include is not followed: {HINT}", line_of(document, "include"))
            named = table_at(document or {}, "services")
            for name in named:
                service = table_at(named, name, f"the service {name!r:.80}")
                for key in _ELSEWHERE:
                    if key in service:
                        self._fleet.note(f"{name[:80]}: {key} is not followed: {HINT}", line_of(service, key))
                yield Part(name, line_of(named, name), service, (), self._environ)

    def _check(self, document: Any) -> None:
        if document is None:
            return
        if not isinstance(document, dict) or not isinstance(document.get("services", {}), dict | None):
            raise Malformed("a compose file has the key services, which is a mapping", line_of(document))
        if "services" not in document and "apiVersion" in document:
            raise Malformed("this is a Kubernetes manifest", line_of(document), hint="mgov import kubernetes FILE")

    # -- what is said of a service

    def _describe(self, draft: Draft, service: dict[str, Any]) -> None:
        labels = pairs_at(service, "labels")
        adopt_labels(draft, {key: self._text(text, f"the label {key:.80}", line) for key, text, line in labels})
        try:
            draft.put("version", version_of(self._text_at(service, "image")))
        except Unset:
            self._versions_unset.append(draft.name)

    def _hosts(self, draft: Draft, service: dict[str, Any]) -> None:
        """The names under which the others of the file reach it."""
        stated = [self._text_at(service, key) for key in ("container_name", "hostname")]
        names = [draft.foreign, draft.name, *stated]
        networks = service.get("networks")
        for network in networks.values() if isinstance(networks, dict) else ():
            names += [str(alias) for alias in items_at(network, "aliases")] if isinstance(network, dict) else []
        for name in names:
            if name:
                self._by_host.setdefault(name.lower(), draft)

    def _settings(self, draft: Draft, part: Part) -> None:
        """What its environment sets, over what its env files do."""
        found: dict[str, tuple[str, int]] = {}
        for key, filled_in, line in filled(part.settings, self._environ):
            if filled_in is None:
                self._fleet.note(f"{draft.name}: {key:.80} holds a variable that cannot be filled: left out", line)
            else:
                found[key] = filled_in, line
                self._left -= len(filled_in)
                if self._left < 0:
                    raise Malformed(f"env files make more than {MAX_SETTINGS} characters in all", line)
        for key, value, line in pairs_at(part.table, "environment"):
            text = self._environ.get(key, "") if value is None else self._text(value, f"the variable {key:.80}", line)
            found[key] = text, line
        draft.settings += [(key, text, line) for key, (text, line) in found.items()]

    def _stated_calls(self, draft: Draft, service: dict[str, Any]) -> None:
        needed = service.get("depends_on")
        if isinstance(needed, dict):
            for name in needed:
                is_optional = table_at(needed, name, "an entry of depends_on").get("required") is False
                self._call(draft, name, Evidence("depends_on", line_of(needed, name), "", is_optional))
        else:
            for index, name in enumerate(items_at(service, "depends_on")):
                self._call(draft, text_of(name, "depends_on"), Evidence("depends_on", line_of(needed, index)))
        for key in ("links", "external_links"):
            linked = items_at(service, key)
            for index, link in enumerate(linked):
                name, _, alias = text_of(link, key, line_of(linked, index)).partition(":")
                self._call(draft, name, Evidence(key, line_of(linked, index)))
                if alias and name.lower() in self._by_host:
                    self._linked[draft.name, alias.lower()] = self._by_host[name.lower()]

    def _call(self, draft: Draft, name: str, evidence: Evidence) -> None:
        target = self._by_host.get(name.lower())
        if target is None:
            self._fleet.note(f"{draft.name}: {evidence.source} names {name[:80]}, which is not here", evidence.line)
        else:
            draft.calls_to(target.name, evidence)

    def _owner_of(self, draft: Draft, host: str) -> Draft | None:
        return self._linked.get((draft.name, host.lower())) or self._by_host.get(host.lower())

    # -- where it is

    def _instances(self, draft: Draft, service: dict[str, Any]) -> None:
        ports = ports_of(service, self._fill)
        draft.ports |= {port.container for port in ports}
        for port in ports:
            if port.transport != TCP:
                left_out = f"{port.container}/{port.transport:.20} is left out, it is not tcp"
                self._fleet.note(f"{draft.name}: {left_out}", port.line)
        ports = [port for port in ports if port.transport == TCP]
        if self._replicas(draft, service) == 0:
            self._fleet.note(f"{draft.name}: it has no replicas: no instance", draft.line)
            return
        places = {port.container: self._place(draft, port) for port in ports if self._is_reachable(draft, port)}
        if not ports:
            self._without_ports.append(draft.name)
        check = ServiceCheck(self._fleet, draft, service, self._fill, places)
        for port in ports:
            if self._is_reachable(draft, port, is_said=True):
                host, number = self._place(draft, port)
                protocol, health = check.of(port)
                url = f"{protocol}://{authority(host, number)}"
                draft.add_instance(f"{draft.name if self._address == INTERNAL else host}-{number}", url, health)

    def _replicas(self, draft: Draft, service: dict[str, Any]) -> int | None:
        deploy = table_at(service, "deploy")
        for table, key in ((deploy, "replicas"), (service, "scale")):
            if text := self._text_at(table, key):
                if not is_number(text):
                    raise Malformed(f"{key} must be a whole number, not {text!r:.40}", line_of(table, key))
                if int(text) > 1:
                    draft.describe("replicas", str(int(text)))
                return int(text)
        return None

    def _is_reachable(self, draft: Draft, port: Port, *, is_said: bool = False) -> bool:
        if self._address == INTERNAL or port.published:
            return True
        if is_said:
            self._fleet.note(f"{draft.name}: {port.container} is not published on a port that is known", port.line)
        return False

    def _place(self, draft: Draft, port: Port) -> tuple[str, int]:
        if self._address == INTERNAL:
            return draft.foreign, port.container
        try:
            return check_host(port.host), port.published
        except UsageError as error:
            raise Malformed(error.message, port.line) from None

    def _text(self, value: Any, what: str, line: int) -> str:
        return self._fill(text_of(value, what, line), line)

    def _text_at(self, table: dict[str, Any], key: str) -> str:
        return self._text(table.get(key), key, line_of(table, key))

    def _fill(self, text: str, line: int) -> str:
        return interpolate(text, self._environ, line=line)
