"""What an importer finds: services as they are named elsewhere, brought under mgov's names, and notes on each guess.

An importer adds drafts, gives each its addresses, fields and evidence of calls, and settles: the drafts become the
entries of a manifest, read back by the manifest's own strict parser, and the notes stand in the order of their lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.formats.malformed import Malformed
from mgov.formats.references import references
from mgov.model.manifest import Entry, parse
from mgov.model.names import is_name, slug
from mgov.model.record import NamedTuple
from mgov.model.service import ASYNCHRONOUS, SYNCHRONOUS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mgov.formats.references import Reference

PUBLISHED, INTERNAL = ADDRESSES = ("published", "internal")
INFERRED = "inferred_dependencies"              # the metadata key that marks which dependencies are guesses
MAX_LISTED = 8
LOWEST_LIKELY_PORT = 80                         # below it `name:7` is rather a version than an address
_OTHERS_LABELS = ("com.docker.", "traefik.", "kubectl.kubernetes.io/", "deployment.kubernetes.io/")
# Ports by which programs are known when nothing else says what they speak (IANA, and the projects' own defaults).
KNOWN_PORTS = {
    443: "https", 8443: "https", 5432: "postgres", 3306: "mysql", 6379: "redis", 27017: "mongodb", 5672: "amqp",
    9092: "kafka", 4222: "nats", 1883: "mqtt", 11211: "memcached", 9042: "cassandra", 1521: "oracle", 1433: "mssql",
    2181: "zookeeper", 25: "smtp", 389: "ldap", 53: "dns",
}  # fmt: skip


class Note(NamedTuple):
    """Something inferred or left out, and the line it was read from (0: unknown)."""

    text: str
    line: int = 0


class Found(NamedTuple):
    """The services found, and what to say about them."""

    entries: tuple[Entry, ...]
    notes: tuple[Note, ...]


class Evidence(NamedTuple):
    """Why one service is thought to call another. `type` is '' where the source does not tell."""

    source: str
    line: int = 0
    type: str = ""
    is_optional: bool = False


class Draft:
    """A service while it is found.

    `foreign` is its name elsewhere, `table` becomes its table in the manifest, `ports` are those it listens on, and
    `settings` are its environment variables: (name, value, line).
    """

    def __init__(self, name: str, foreign: str, line: int) -> None:
        self.name = name
        self.foreign = foreign
        self.line = line
        self.table: dict[str, Any] = {}
        self.ports: set[int] = set()
        self.calls: dict[str, list[Evidence]] = {}
        self._ids: dict[str, int] = {}                  # those taken, and how often each was wanted
        self.settings: list[tuple[str, str, int]] = []

    def put(self, field: str, text: str) -> None:
        """Set a field of the service, unless it is set or the text is empty."""
        if text:
            self.table.setdefault(field, text)

    def describe(self, key: str, text: str) -> None:
        """Set an entry of its metadata."""
        if text:
            self.table.setdefault("metadata", {})[key] = text

    def hold_checks(self, **policy: Any) -> None:
        """Set what holds for the checks of all its instances (model.healthpolicy); what is None or 0 is not said."""
        said = {key: value for key, value in policy.items() if value}
        if said:
            self.table.setdefault("health", {}).update(said)

    def add_instance(self, instance_id: str, url: str, health: Any = None, **fields: Any) -> None:
        """Add an address; an id that is taken gets a number."""
        wanted = unique = instance_id if is_name(instance_id) else slug(instance_id)
        while unique in self._ids:
            self._ids[wanted] += 1
            unique = f"{wanted[:52]}-{self._ids[wanted]}"
        self._ids[unique] = 1
        instance = {"id": unique, "url": url, **fields}
        if health is not None:
            instance["health"] = health
        self.table.setdefault("instances", []).append(instance)

    def calls_to(self, name: str, evidence: Evidence) -> None:
        """Note that it seems to call the service `name`."""
        if name != self.name:
            self.calls.setdefault(name, []).append(evidence)


class Fleet:
    """The drafts by mgov's name, what others call them, and the notes."""

    def __init__(self) -> None:
        self._drafts: dict[str, Draft] = {}
        self._notes: list[Note] = []

    def add(self, foreign: str, line: int = 0) -> Draft:
        """A new draft for what is called `foreign` elsewhere; raise Malformed when its name is taken, or is none."""
        name = foreign if is_name(foreign) else slug(foreign)
        if not name:
            raise Malformed(f"nothing of the service name {foreign!r:.80} may stay", line,
                            hint="a name has lower-case letters, digits, '-', '.' and '_': rename it")
        if name in self._drafts:
            before = self._drafts[name].foreign
            both = f"the services {before!r:.80} and {foreign!r:.80} would both be called {name}"
            raise Malformed(both if before != foreign else f"the service {name} stands twice", line,
                            hint="rename one of them")
        draft = self._drafts[name] = Draft(name, foreign, line)
        if name != foreign:
            draft.put("title", foreign)
            self.note(f"{foreign[:80]} is called {name}", line)
        return draft

    def __iter__(self) -> Iterator[Draft]:
        return iter(self._drafts.values())

    def note(self, text: str, line: int = 0) -> None:
        """Keep something to say."""
        self._notes.append(Note(text, line))

    def note_all(self, text: str, names: list[str], line: int = 0) -> None:
        """Say one thing of several services in one line; nothing when there are none."""
        if names:
            rest = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
            self.note(f"{', '.join(names[:MAX_LISTED])}{rest}: {text}", line)

    def infer_calls(self, resolve: Callable[[Draft, str], Draft | None]) -> None:
        """Read the drafts' settings for addresses of others; `resolve` tells whose a host name is, seen from a draft.

        A host without a dot that nobody here has is said, so that a person sees what is missing.
        """
        for draft in self._drafts.values():
            for key, value, line in draft.settings:
                for reference in references(key, value):
                    target = resolve(draft, reference.host)
                    if target is not None and _is_likely(reference, target):
                        draft.calls_to(target.name, Evidence(key, line, reference.type))
                    elif target is None and reference.is_sure and "." not in reference.host:
                        self.note(f"{draft.name}: {key:.80} names {reference.host:.80}, which is not here", line)

    def settle(self) -> Found:
        """The entries and notes; raise Malformed when there is no service, or one that a manifest cannot hold."""
        if not self._drafts:
            raise Malformed("it holds no services")
        entries: list[Entry] = []
        for name in sorted(self._drafts):
            draft = self._drafts[name]
            try:
                entries += parse({"services": {name: self._table(draft)}})
            except UsageError as error:
                raise Malformed(error.message, draft.line, hint=error.hint) from None
        return Found(tuple(entries), tuple(sorted(self._notes, key=lambda note: note.line)))

    def _table(self, draft: Draft) -> dict[str, Any]:
        dependencies = []
        for name in sorted(draft.calls):
            evidence = draft.calls[name]
            types = {each.type for each in evidence if each.type}
            kind = ASYNCHRONOUS if types == {ASYNCHRONOUS} else SYNCHRONOUS
            optional = all(each.is_optional for each in evidence)
            dependencies.append({"name": name, "type": kind, "optional": optional})
            sources = ", ".join(dict.fromkeys(each.source for each in evidence))
            words = [word for word, holds in (("asynchronous", kind == ASYNCHRONOUS), ("optional", optional)) if holds]
            marks = "".join(f", {word}" for word in words)
            self.note(f"{draft.name} depends on {name} (inferred from {sources:.200}{marks})", evidence[0].line)
        if dependencies:
            draft.table["dependencies"] = dependencies
            draft.describe(INFERRED, ", ".join(sorted(draft.calls)))
        return draft.table


def protocol_of(port: int) -> str:
    """What a port most likely speaks: http where nothing is known of it."""
    return KNOWN_PORTS.get(port, "http")


def version_of(image: str) -> str:
    """The tag of a container image, '' where it has none or says `latest`."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return "" if tag == "latest" else tag


def adopt_labels(draft: Draft, labels: dict[str, str]) -> None:
    """Take owner, domain, tier, version and so on from labels, whose last part after `.` or `/` says what they hold."""
    labels = {key: text for key, text in labels.items() if not key.startswith(_OTHERS_LABELS)}
    for field, words in (("owner", ("owner", "team")), ("domain", ("domain", "part-of")), ("tier", ("tier",)),
                         ("version", ("version",)), ("description", ("description",))):  # fmt: skip
        for word in words:
            for key, text in labels.items():
                if key.replace("/", ".").rpartition(".")[2].lower() == word:
                    draft.put(field, text)


def _is_likely(reference: Reference, target: Draft) -> bool:
    return reference.is_sure or reference.port in target.ports or reference.port >= LOWEST_LIKELY_PORT
