"""Writing what was observed or counted: health, heartbeats, sweeps, picks, limits, breakers.

Each document is a file of its own, replaced atomically under its family's lock, without a flush and without a log
line: it survives a crash of the process, and a power cut may take the newest. The lock file remembers the highest
revision given under it, so that a document that was deleted or damaged comes back with a higher one. A damaged file
is moved to `quarantine/` before a new one takes its place.
"""

import os

from mgov.errors import InternalError, StoreDamaged, UsageError
from mgov.store.base import STATE_FAMILIES, Write, check_expected
from mgov.store.codec import pack, unpack
from mgov.store.folder import close, drop_temp, open_folder, read_file, replace, write_temp
from mgov.store.layout import QUARANTINE, Place, lock_of, place_of
from mgov.store.lock import Lock
from mgov.store.root import translate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from mgov.store.base import Value
    from mgov.store.files import FilesStore
    from mgov.store.root import Root


def write_state(store: "FilesStore", writes: "Sequence[Write]") -> list[str]:
    """Apply state writes; those under one lock are checked together before the first of them is written."""
    if any(write.key.partition("/")[0] not in STATE_FAMILIES for write in writes):
        raise InternalError("a batch holds both intent and state")
    store.refuse_foreign()
    by_lock: dict[str, list[Write]] = {}
    for write in writes:
        by_lock.setdefault(lock_of(write.key), []).append(write)
    revisions: dict[str, str] = {}
    for name, group in by_lock.items():
        with Lock(store.root, name, clock=store.clock, wait_s=store.lock_wait_s) as lock:
            try:
                _write_group(store, lock, group, revisions)
            except OSError as error:
                raise translate(error, f"cannot write to {store.location}") from error
    return [revisions[write.key] for write in writes]


def update_state(
    store: "FilesStore", key: str, change: "Callable[[Value | None], Value | None]", *, ttl_s: "float | None" = None
) -> "tuple[Value | None, str]":
    """Put what the pure function `change` makes of the value under `key` in its place, all under the lock.

    As `base.update`; a value that stays the same is not written.
    """
    store.refuse_foreign()
    with Lock(store.root, lock_of(key), clock=store.clock, wait_s=store.lock_wait_s) as lock:
        try:
            entry = _entry(store, lock.root, key)
            value = change(dict(entry["value"]) if entry is not None else None)
            if entry is None and value is None:
                return None, ""
            if entry is not None and value == entry["value"] and ttl_s is None:
                return value, str(entry["revision"])
            revisions: dict[str, str] = {}
            current = int(entry["revision"]) if entry is not None else 0
            _write_ready(store, lock, [Write(key, value, None, ttl_s)], current, revisions)
            return value, revisions[key]
        except OSError as error:
            raise translate(error, f"cannot write to {store.location}") from error


def _write_group(store: "FilesStore", lock: Lock, group: "list[Write]", revisions: dict[str, str]) -> None:
    current = {write.key: _revision(store, lock.root, write.key) for write in group}
    for write in group:
        check_expected(write, str(current[write.key]) if current[write.key] else None)
    _write_ready(store, lock, group, max(current.values()), revisions)


def _write_ready(
    store: "FilesStore", lock: Lock, group: "list[Write]", current: int, revisions: dict[str, str]
) -> None:
    """Write what was checked; `current` is the highest revision that the group's keys have now."""
    highest = max(int(lock.read().get("revision", 0)), current)
    ready = [(write, _to_bytes(store, write, highest + place)) for place, write in enumerate(group, 1)]
    lock.note({"revision": highest + len(group)})
    for place, (write, data) in enumerate(ready, 1):
        try:
            _put(lock.root, place_of(write.key), data)
        except OSError as error:
            raise translate(error, f"cannot write {store.location}/{place_of(write.key).path}") from error
        revisions[write.key] = str(highest + place) if data is not None else ""


def _revision(store: "FilesStore", root: "Root", key: str) -> int:
    entry = _entry(store, root, key)
    return int(entry["revision"]) if entry is not None else 0


def _entry(store: "FilesStore", root: "Root", key: str) -> "dict[str, Any] | None":
    place = place_of(key)
    data = read_file(root, place.folder, place.name)
    if data is None:
        return None
    try:
        return unpack(data, place.path).get(key)
    except StoreDamaged as error:
        set_aside(root, place)
        store.warn(f"{error.message}; it was set aside in {QUARANTINE}/")
        return None


def _to_bytes(store: "FilesStore", write: "Write", revision: int) -> "bytes | None":
    if write.value is None:
        return None
    entry = {"revision": revision, "value": write.value}
    if write.ttl_s is not None:
        entry["expires_at"] = store.clock.now() + write.ttl_s
    try:
        return pack(write.key.partition("/")[0], {write.key: entry})
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"{write.key} cannot be stored: {error}") from None


def _put(root: "Root", place: Place, data: "bytes | None") -> None:
    parent = open_folder(root, place.folder, create=True)
    try:
        if data is None:
            try:
                os.unlink(place.name, dir_fd=parent)
            except FileNotFoundError:
                pass
            return
        write_temp(root, parent, place.name, data, is_durable=False)
        try:
            replace(parent, place.name)
        except OSError:
            drop_temp(parent, place.name)
            raise
    finally:
        close(parent)


def set_aside(root: "Root", place: Place) -> str:
    """Move a damaged file to the quarantine under a name that is free; return its new path, relative to the root."""
    source = open_folder(root, place.folder)
    try:
        target = open_folder(root, QUARANTINE, create=True)
        try:
            taken = set(os.listdir(target))
            stem = place.path.replace("/", "_")
            name = next(n for n in (f"{stem}.{i}" for i in range(1, len(taken) + 2)) if n not in taken)
            os.rename(place.name, name, src_dir_fd=source, dst_dir_fd=target)
            return f"{QUARANTINE}/{name}"
        finally:
            close(target)
    finally:
        close(source)
