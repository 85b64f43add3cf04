"""Versions of a configuration on disk: one TOML file each, written once, never changed, read and compared by people.

    [version]                   number, author, at, message, operation, checksum, base
    [values]                    what the environment itself says
    # end revision=7 crc32=...

A version is believed only with its last line intact, which mgov alone writes, and with the checksum of its values:
unlike a definition, an edit by hand is no new wish but a change of the past, and is refused. So no copies are kept in
`history/`: a file that is created needs none to be undone, and nothing ever replaces it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import MgovError, StoreDamaged, UsageError
from mgov.formats import toml
from mgov.formats.conflict import is_conflict
from mgov.formats.malformed import Malformed
from mgov.model.config import from_value, number_of
from mgov.model.names import is_name, is_version_number
from mgov.model.setting import check_values, checksum
from mgov.store import newest
from mgov.store.base import Change, Document
from mgov.store.codec import end_toml, etag, read_end
from mgov.store.folder import names_in
from mgov.store.layout import CONFIGS, Place, place_of
from mgov.store.plan import FileChange, Plan

if TYPE_CHECKING:
    from mgov.store.base import Value
    from mgov.store.root import Root

MAX_BYTES = 1024 * 1024
_HINT = "a version is never edited: bring the file back, or: mgov store repair"


def key_of(place: Place) -> str:
    """The key of the version that lies at `place`."""
    return f"config/{place.folder.removeprefix(f'{CONFIGS}/')}/{place.name.removesuffix('.toml')}"


def places(root: Root) -> list[Place]:
    """Where all versions lie, by service, environment and number."""
    return [
        Place(folder, f"{number}.toml")
        for folder in folders(root)
        for number in names_in(root, folder, ".toml")
        if is_version_number(number)
    ]


def folders(root: Root) -> list[str]:
    """The folders of all environments that have a configuration."""
    services = [name for name in names_in(root, CONFIGS, "") if is_name(name)]
    return [
        f"{CONFIGS}/{name}/{environment}"
        for name in services
        for environment in names_in(root, f"{CONFIGS}/{name}", "")
        if is_name(environment)
    ]


def parse(key: str, data: bytes) -> Document:
    """The document in a version's bytes; raise StoreDamaged naming the file and what is wrong with it."""
    path = place_of(key).path
    if not data.strip(b"\0"):
        raise StoreDamaged(f"{path} is empty", hint=_HINT)
    if is_conflict(data):
        raise StoreDamaged(
            f"{path} holds two versions: two branches each made this number",
            hint="mgov store repair --renumber keeps both; or keep one: git checkout --ours or --theirs FILE",
        )
    try:
        table = toml.parse(data, max_bytes=MAX_BYTES)
    except Malformed as error:
        raise StoreDamaged(error.at(path), hint=_HINT) from None
    end = read_end(data)
    if end is None:
        raise StoreDamaged(f"{path} is cut off or was edited: its last line is missing", hint=_HINT)
    if not end.is_intact:
        raise StoreDamaged(f"{path} was changed after it was written: its checksum does not match", hint=_HINT)
    _check(key, table, path)
    return Document(key, table, str(end.revision))


def _check(key: str, table: Value, path: str) -> None:
    version = from_value(table, path)
    if version.number != number_of(key):
        raise StoreDamaged(f"{path} holds version {version.number}, its file name says {number_of(key)}", hint=_HINT)
    try:
        check_values(version.values)
    except UsageError as error:
        raise StoreDamaged(f"{path}: {error.message}", hint=_HINT) from None
    if checksum(version.values) != version.checksum:
        raise StoreDamaged(f"{path}: the checksum is not that of its values", hint=_HINT)


def to_bytes(key: str, value: Value, revision: int) -> bytes:
    """The bytes of a new version; raise UsageError when the value is none, or is too large."""
    path = place_of(key).path
    try:
        _check(key, value, path)
    except MgovError as error:
        raise UsageError(error.message) from None
    data = end_toml(toml.dump(value), revision)
    if len(data) > MAX_BYTES:
        raise UsageError(f"the configuration has {len(data)} bytes as TOML, at most {MAX_BYTES} are kept")
    return data


def mended(root: Root, place: Place, data: bytes, last: int, actor: str, now: float) -> tuple[Plan, str]:
    """The plan that puts a damaged version (`data`) right, and what it does, in words.

    Where the cache still knows the version, its file is written anew, byte for byte; else it goes, and the one before
    it is the newest.
    """
    key = key_of(place)
    known = newest.parsed_before(root, place)
    try:
        after = to_bytes(key, known[0], known[1]) if known is not None else None
    except UsageError:
        after = None
    action = "delete" if after is None else "update"
    line = Change(str(last + 1), key, action, "repair", actor, now)
    done = "no good copy is kept, it was taken out" if after is None else "it was written again as the cache knew it"
    return Plan([FileChange(place, last + 1, data, after, is_before_good=False)], [(line, etag(after))]), done
