"""All service definitions at once. Parsing TOML is slow, so what was parsed is kept in `cache/services.json`.

A cached definition counts only while its file has the same inode, size and time of change (which no tool can set
back), and only if that time was at least 50 ms old when it was cached: an edit within one tick of the file system's
clock would not show. The
cache can be deleted at any time; a store that cannot be written is read without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import StoreError
from mgov.model.names import is_name
from mgov.store import definitions
from mgov.store.base import Document
from mgov.store.codec import encode_json, unseal
from mgov.store.folder import read_file, stats_in
from mgov.store.layout import CACHE, SERVICES, place_of
from mgov.store.root import translate
from mgov.store.vanished import warn_of_lost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgov.store.files import FilesStore

NAME = "services.json"
SETTLED_NS = 50_000_000

Entry = list[Any]                               # [inode, size, ctime_ns, revision, value]


def scan(store: FilesStore) -> Iterator[Document]:
    """Every definition by name; one that is damaged beyond its last good copy is left out with a warning."""
    warn_of_lost(store)
    cached = _load(store)
    kept: dict[str, Entry] = {}
    now_ns = int(store.clock.now() * 1e9)
    documents = []
    try:
        stats = list(stats_in(store.root, SERVICES, ".toml"))
    except OSError as error:
        raise translate(error, f"cannot list {store.root.path}/{SERVICES}") from error
    for name, info in stats:
        mark = [info.st_ino, info.st_size, info.st_ctime_ns]
        entry = cached.get(name)
        if entry is not None and entry[:3] == mark:
            kept[name] = entry
            documents.append(Document(f"service/{name}", entry[4], entry[3]))
            continue
        document = _read(store, name)
        if document is None:
            continue
        documents.append(document)
        if not document.is_held and "~" not in document.revision and now_ns - info.st_ctime_ns > SETTLED_NS:
            kept[name] = [*mark, document.revision, document.value]
    if kept != cached:
        definitions.save_cached(store.root, CACHE, NAME, f'"services":{encode_json(kept)}')
    yield from documents


def _read(store: FilesStore, name: str) -> Document | None:
    if not is_name(name):
        store.leave_out(name, StoreError(f"{SERVICES}/{name[:80]}.toml is passed over: its name is not a service's"))
        return None
    place = place_of(f"service/{name}")
    try:
        data = store.read_place(place)
        return definitions.read_or_held(store.root, name, data, store.warn) if data is not None else None
    except StoreError as error:
        store.leave_out(place.path, error)
        return None


def _load(store: FilesStore) -> dict[str, Entry]:
    try:
        data = read_file(store.root, CACHE, NAME)
        return unseal(data)["services"] if data else {}
    except (OSError, ValueError, KeyError):
        return {}
