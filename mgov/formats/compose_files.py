"""What a compose file takes from other files: `include`, `extends` and `env_file` (Compose Specification).

A path is relative to the file that names it, one of an included project to that project's folder. Nothing is opened
here: `Files` does that, bounds it, and numbers the lines of all files through, so that a line tells its file too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from mgov.formats.interpolation import interpolate
from mgov.formats.lined import Items, Table, line_of, pairs_at, table_at, text_at, text_of
from mgov.formats.malformed import Malformed
from mgov.model.record import NamedTuple

Setting = tuple[str, str, int]                  # name, value as it is written, line
MAX_STEPS = 100                                 # of services that extend each other, and of files that include others
MAX_TAKEN = 1_000_000                           # values taken from elsewhere: some small files can make many
MAX_FILLED = 2 * 1024 * 1024                    # characters of one process's environment: Linux takes no more either
_BY_NAME = ("environment", "labels", "depends_on")
_ALL = ("ports", "expose", "links", "external_links")
_ELSEWHERE = ("://", "git@", "oci:")


class Opened(NamedTuple):
    """A compose file: what tells it from all others, the folder of its paths, and its documents."""

    key: str
    folder: str
    documents: list[Any]


class Files(Protocol):
    """Opens what is named from `folder`; an error says `line`, which names it."""

    def main(self, documents: list[Any]) -> Opened:
        """The file that all others are named from, which has been read."""

    def compose(self, path: str, folder: str, line: int) -> Opened:
        """The compose file at `path`, the same one each time."""

    def settings(self, path: str, folder: str, line: int) -> list[Setting] | None:
        """What the env file at `path` sets; None where there is none."""

    def folder(self, path: str, folder: str) -> str:
        """The folder at `path`."""


class Part(NamedTuple):
    """One service: its name and where that stands, its table, what its env files set, and what fills its variables."""

    name: str
    line: int
    table: dict[str, Any]
    settings: tuple[Setting, ...]
    environ: Mapping[str, str]


class Layered(Mapping[str, str]):
    """Variables over others, which `below` gives when a name is missed."""

    def __init__(self, above: Mapping[str, str], below: Callable[[], Mapping[str, str]]) -> None:
        self._above, self._below = above, below

    def __getitem__(self, name: str) -> str:
        found = self._above.get(name)                   # asked once: each of those above may have others over it
        return self._below()[name] if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter({**self._below(), **self._above})

    def __len__(self) -> int:
        return len({**self._below(), **self._above})


class Assembly:
    """One compose file put together; `note` says what is left out."""

    def __init__(self, files: Files, note: Callable[[str, int], None]) -> None:
        self._files = files
        self._note = note
        self._included: set[tuple[str, ...]] = set()
        self._left = MAX_TAKEN

    def parts(self, opened: Opened, environ: Mapping[str, str], chain: tuple[str, ...] = ()) -> Iterator[Part]:
        """The services of what it includes, then its own."""
        environ = self._environment(environ, [(".env", 0)], opened.folder)
        for document in opened.documents:
            if isinstance(document, dict):
                for entry, line in _entries(document, "include"):
                    yield from self._include(entry, line, opened, environ, (*chain, opened.key))
        yield from self._own(opened, environ)

    def _environment(self, environ: Mapping[str, str], paths: list[tuple[str, int]], folder: str) -> Mapping[str, str]:
        kept: dict[str, str] = {}
        unread = list(paths)

        def below() -> dict[str, str]:
            while unread:                               # only where a variable is asked for that the caller's lack
                path, line = unread.pop(0)
                settings = self._files.settings(path, folder, line) or []
                kept.update({name: text for name, text, _ in filled(settings, environ) if text is not None})
            return kept

        return Layered(environ, below)

    def _own(self, opened: Opened, environ: Mapping[str, str]) -> Iterator[Part]:
        for document in opened.documents:
            services = table_at(document, "services") if isinstance(document, dict) else {}
            for name in services:
                own = table_at(services, name, f"the service {name!r:.80}")
                table, settings = self._whole(own, opened, environ, ((opened.key, name),))
                yield Part(name, line_of(services, name), table, tuple(settings), environ)

    def _include(
        self, entry: Any, line: int, opened: Opened, environ: Mapping[str, str], chain: tuple[str, ...]
    ) -> Iterator[Part]:
        stated = entry if isinstance(entry, dict) else {"path": entry}
        paths = [interpolate(text_of(path, "path", at), environ, line=at) for path, at in _entries(stated, "path")]
        if any(path.startswith(_ELSEWHERE[1:]) or _ELSEWHERE[0] in path for path in paths):
            self._note("an include from another machine is not followed", line)
            return
        if len(paths) > MAX_STEPS:
            raise Malformed(f"an include names more than {MAX_STEPS} files", line)
        found = [self._files.compose(path, opened.folder, line) for path in paths]
        if not found:
            raise Malformed("an include needs a path", line)
        if any(one.key in chain for one in found):
            raise Malformed("the includes go round in a circle", line)
        if len(chain) > MAX_STEPS:
            raise Malformed(f"more than {MAX_STEPS} files include each other", line)
        keys = tuple(one.key for one in found)
        if keys in self._included:                      # two that are included may both include a third
            return
        self._included.add(keys)
        said = text_at(stated, "project_directory")
        folder = self._files.folder(interpolate(said, environ, line=line), opened.folder) if said else found[0].folder
        stated_files = [(text_of(path, "env_file", at), at) for path, at in _entries(stated, "env_file")]
        if stated_files:
            environ = self._environment(environ, stated_files, opened.folder)
        parts: dict[str, Part] = {}
        for one in found:                               # the later override the first
            for part in self.parts(one._replace(folder=folder), environ, chain):
                parts[part.name] = self._over(parts[part.name], part) if part.name in parts else part
        yield from parts.values()

    def _whole(
        self, own: dict[str, Any], opened: Opened, environ: Mapping[str, str], chain: tuple[tuple[str, str], ...]
    ) -> tuple[dict[str, Any], list[Setting]]:
        """A service over the one that it extends, and what the env files of both set."""
        stated, line = own.get("extends"), line_of(own, "extends")
        if stated is None:
            return own, self._env_files(own, opened, environ, chain[0][1])
        entry = stated if isinstance(stated, dict) else {"service": stated}
        name, path = text_at(entry, "service"), interpolate(text_at(entry, "file"), environ, line=line)
        base = self._files.compose(path, opened.folder, line) if path else opened
        tables = [table_at(one, "services") for one in base.documents if isinstance(one, dict)]
        named = next((table for table in tables if name in table), None)
        if named is None:
            raise Malformed(f"extends names {name[:80]!r}, which is not {'in ' + path if path else 'here'}", line)
        if (base.key, name) in chain:
            raise Malformed("the services that extend each other go round in a circle", line)
        if len(chain) > MAX_STEPS:
            raise Malformed(f"more than {MAX_STEPS} services extend each other", line)
        table, before = self._whole(table_at(named, name), base, environ, (*chain, (base.key, name)))
        settings = [*before, *self._env_files(own, opened, environ, chain[0][1])]
        self._take(len(before), line)
        return self._merged(table, own), settings

    def _env_files(
        self, own: dict[str, Any], opened: Opened, environ: Mapping[str, str], name: str
    ) -> list[Setting]:
        settings: list[Setting] = []
        for entry, line in _entries(own, "env_file"):
            stated = entry if isinstance(entry, dict) else {"path": entry}
            path = interpolate(text_at(stated, "path"), environ, line=line)
            found = self._files.settings(path, opened.folder, line)
            if found is None and stated.get("required") is not False:
                self._note(f"{name[:80]}: its env file {path[:80]} is not there", line)
            self._take(len(found or ()), line)
            settings += found or []
        return settings

    def _over(self, before: Part, part: Part) -> Part:
        settings = (*before.settings, *part.settings)
        self._take(len(settings), part.line)
        return part._replace(table=self._merged(before.table, part.table), settings=settings)

    def _merged(self, base: dict[str, Any], own: dict[str, Any]) -> Table:
        table = merged(base, own)
        self._take(_count(table), line_of(own))
        return table

    def _take(self, count: int, line: int) -> None:
        self._left -= count
        if self._left < 0:
            raise Malformed(f"more than {MAX_TAKEN} values are taken from other files and services", line)


def filled(settings: Iterable[Setting], environ: Mapping[str, str]) -> Iterator[tuple[str, str | None, int]]:
    """Each with its variables filled from `environ` and from those before it; None where one cannot be."""
    known: dict[str, str] = {}
    variables = Layered(environ, lambda: known)
    size = 0
    for name, written, line in settings:
        try:
            text = interpolate(written, variables, line=line)
        except Malformed:
            yield name, None, line
            continue
        size += len(text)
        if size > MAX_FILLED:
            raise Malformed(f"env files make more than {MAX_FILLED} characters", line)
        known[name] = text
        yield name, text, line


def merged(base: dict[str, Any], own: dict[str, Any], *, is_service: bool = True) -> Table:
    """`own` over `base`: mappings by key, of a service's lists those that are added to; all else is replaced."""
    found = Table(line_of(own))
    for table in (base, own):
        for key, value in table.items():
            known = found.get(key)
            if known is None or value is None:
                joined = known if value is None else value
            elif is_service and key in _BY_NAME:
                joined = merged(_by_name(found, key), _by_name(table, key), is_service=False)
            elif is_service and key in _ALL and isinstance(known, list) and isinstance(value, list):
                joined = _joined(known, value)
            elif isinstance(known, dict) and isinstance(value, dict):
                joined = merged(known, value, is_service=False)
            else:
                joined = value
            found[key] = joined
            found.lines[key] = line_of(table, key)
    return found


def _by_name(table: dict[str, Any], key: str) -> Table:
    found = Table(line_of(table, key))
    for name, value, line in pairs_at(table, key):
        found[name] = value
        found.lines[name] = line
    return found


def _joined(known: list[Any], more: list[Any]) -> Items:
    found, seen = Items(line_of(known)), set()
    for values in (known, more):
        for at, value in enumerate(values):
            if (mark := repr(value)) not in seen:       # a list of thousands is not looked through for each of its own
                seen.add(mark)
                found.append(value)
                found.lines.append(line_of(values, at))
    return found


def _count(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(_count(one) for one in inside)


def _entries(table: dict[str, Any], key: str) -> list[tuple[Any, int]]:
    """What stands under `key`, one or a list, each with its line."""
    value = table.get(key)
    if isinstance(value, list):
        return [(entry, line_of(value, at)) for at, entry in enumerate(value)]
    return [] if value is None else [(value, line_of(table, key))]
