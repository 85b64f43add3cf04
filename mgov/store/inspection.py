"""Looking at every file of a store, to say what is wrong with it and what to do. Reads only, and takes no lock."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from mgov.errors import StoreDamaged, StoreError
from mgov.model.config import FAMILY, NO_VERSION, number_of
from mgov.model.names import is_name, is_version_number
from mgov.model.record import NamedTuple
from mgov.store import definitions, history, policies, renumber, versions
from mgov.store.codec import unpack
from mgov.store.folder import TEMP_SUFFIX, listing, names_in, read_file
from mgov.store.layout import (
    HISTORY,
    INSTANCES,
    NESTED_STATE,
    POLICY,
    SERVICE_STATE,
    SERVICES,
    STATE,
    Place,
    place_of,
)
from mgov.store.log import Log, parse_line
from mgov.store.root import translate
from mgov.store.vanished import vanished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgov.store.files import FilesStore
    from mgov.store.root import Root

REPAIR = "mgov store repair"


class Finding(NamedTuple):
    """One thing that is not as it should be: where (relative to the store), what, and the command or act that mends
    it. `is_note` marks what does no harm and is only worth knowing.
    """

    path: str
    problem: str
    remedy: str
    is_note: bool = False


def check(store: FilesStore) -> list[Finding]:
    """Everything that is wrong with the store's files, in the order of their paths; [] for a sound store."""
    root = store.root
    files = [*_in_folder(root, SERVICES, ".toml"), *_in_configurations(root), *_in_machine_files(root)]
    if problem := _problem(root, place_of(POLICY)):
        is_kept = history.last_good(root, place_of(POLICY)) is not None
        files.append(problem if is_kept else problem._replace(remedy="mend it: no good copy is kept"))
    return sorted([*files, *_in_history(root), *_in_log(root), *_lost(root), *_lost_versions(root)])


def _entries(root: Root, folder: str, suffix: str) -> Iterator[str | Finding]:
    """The names of mgov's own files in a folder, and a finding for everything else that lies there."""
    try:
        names = sorted(listing(root, folder))
    except OSError as error:
        yield Finding(folder, translate(error, "it cannot be listed").message, "give it back its folder and mode")
        return
    for name in names:
        stem = name.removesuffix(suffix)
        if name.endswith(suffix) and is_name(stem):
            yield name
        elif name.startswith(".") and name.endswith(TEMP_SUFFIX):
            yield Finding(f"{folder}/{name}", "a writer that died left it behind", REPAIR)
        else:
            yield _foreign(f"{folder}/{name}")


def _foreign(path: str) -> Finding:
    return Finding(path, "it is no file of mgov's and is passed over", "remove it", is_note=True)


def _problem(root: Root, place: Place) -> Finding | None:
    try:
        data = read_file(root, place.folder, place.name)
        if data is None:
            return None
        if place.is_version:
            versions.parse(versions.key_of(place), data)
        elif place.is_toml:
            definitions.read(root, place.name.removesuffix(".toml"), data)
        elif place.is_policy:
            policies.parse(data, place.path)
        else:
            unpack(data, place.path)
    except StoreError as error:
        remedy = REPAIR if isinstance(error, StoreDamaged) else error.hint or REPAIR
        if place.is_version and renumber.holds_two(root, place):
            remedy = renumber.REMEDY
        return Finding(place.path, error.message, remedy)
    except OSError as error:
        failure = translate(error, f"{place.path} cannot be read")
        return Finding(place.path, failure.message, REPAIR if isinstance(failure, StoreDamaged) else "mend its mode")
    return None


def _in_folder(root: Root, folder: str, suffix: str) -> Iterator[Finding]:
    for entry in _entries(root, folder, suffix):
        if isinstance(entry, Finding):
            yield entry
        elif problem := _problem(root, Place(folder, entry)):
            yield problem


def _in_configurations(root: Root) -> Iterator[Finding]:
    for folder in versions.folders(root):
        numbers: list[int] = []
        for entry in _entries(root, folder, ".toml"):
            if isinstance(entry, Finding):
                yield entry
            elif not is_version_number(entry.removesuffix(".toml")):
                yield _foreign(f"{folder}/{entry}")
            else:
                numbers.append(int(entry.removesuffix(".toml")))
                if problem := _problem(root, Place(folder, entry)):
                    yield problem
        for before, after in pairwise(numbers):
            if after > before + 1:
                gap = f"versions {before + 1} to {after - 1} are missing"
                yield Finding(folder, gap, "bring them back, or leave it so", is_note=True)


def _in_machine_files(root: Root) -> Iterator[Finding]:
    yield from _in_folder(root, INSTANCES, ".json")
    for folder in state_folders(root):
        yield from _in_folder(root, folder, ".json")
    if problem := _problem(root, Place(STATE, "sweep.json")):
        yield problem


def state_folders(root: Root) -> list[str]:
    """The folders that hold state documents."""
    nested = [f"{STATE}/{family}" for family in NESTED_STATE]
    return [
        *(f"{STATE}/{family}" for family in SERVICE_STATE),
        *(f"{folder}/{name}" for folder in nested for name in _names(root, folder)),
    ]


def _names(root: Root, folder: str) -> list[str]:
    try:
        return sorted(name for name in listing(root, folder) if is_name(name))
    except OSError:
        return []


def _in_history(root: Root) -> Iterator[Finding]:
    places = [
        Place(folder, name + suffix)
        for folder, suffix in ((SERVICES, ".toml"), (INSTANCES, ".json"))
        for name in _names(root, f"{HISTORY}/{folder}")
    ]
    for place in [*places, place_of(POLICY)]:
        for copy in history.copies(root, place):
            try:
                is_whole = copy.etag == history.GONE or history.load(root, place, copy) is not None
            except OSError:
                is_whole = False
            if not is_whole:
                yield Finding(f"{place.history}/{copy.name}", "this kept copy is not whole", REPAIR)


def _in_log(root: Root) -> Iterator[Finding]:
    floor = 0
    for name in Log(root).files():
        try:
            data = read_file(root, "", name) or b""
        except OSError as error:
            yield Finding(name, translate(error, "it cannot be read").message, REPAIR)
            continue
        for number, line in enumerate(data.splitlines(keepends=True), 1):
            problem, floor = _judge_line(line, floor)
            if problem:
                yield Finding(f"{name}:{number}", problem, REPAIR)


def _judge_line(line: bytes, floor: int) -> tuple[str, int]:
    if not line.endswith(b"\n"):
        return "a writer that died left half a line", floor
    try:
        revision = int(parse_line(line)[0].revision)
    except ValueError as error:
        return f"the line is damaged: {error}", floor
    if revision == floor:
        return f"revision {revision} stands there twice", floor
    if revision < floor:
        return f"revision {revision} stands behind {floor}", floor
    return "", revision


def _lost(root: Root) -> Iterator[Finding]:
    for name in vanished(root)[0]:
        yield Finding(f"{SERVICES}/{name}.toml", "the file vanished without mgov", f"{REPAIR}, or: mgov accept {name}")
    for name in vanished(root, INSTANCES)[0]:
        yield Finding(f"{INSTANCES}/{name}.json", "the file vanished without mgov", REPAIR)


def _lost_versions(root: Root) -> Iterator[Finding]:
    """Where the newest versions that the log knows went away without mgov, so that an older one is read."""
    known: dict[str, int] = {}
    seen: set[str] = set()
    try:
        for change in Log(root).read_back(lambda _: None):
            if change.key.startswith(f"{FAMILY}/") and change.key not in seen:
                seen.add(change.key)
                folder = place_of(change.key).folder
                if change.action != "delete":
                    known[folder] = max(known.get(folder, NO_VERSION), number_of(change.key))
    except OSError:                             # `_in_log` says so
        return
    for folder, last in known.items():
        there = [int(name) for name in names_in(root, folder, ".toml") if is_version_number(name)]
        if there and there[-1] < last:
            problem = f"the log knows a version {last}, and the newest that is there is {there[-1]}"
            yield Finding(folder, problem, "bring the files back, or leave it so", is_note=True)
