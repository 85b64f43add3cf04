"""Writing what was observed: health, heartbeats, sweeps, picks.

Each document is a file of its own, replaced atomically under its family's lock, without a flush and without a log
line: it survives a crash of the process, and a power cut may take the newest. A damaged file is moved to
`quarantine/` before a new one takes its place.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mgov.errors import InternalError, StoreDamaged
from mgov.store.base import STATE_FAMILIES
from mgov.store.codec import pack, unpack
from mgov.store.commit import check_expected, refuse_foreign, signals_held
from mgov.store.folder import drop_temp, open_folder, replace, write_temp
from mgov.store.layout import QUARANTINE, Place, lock_of, place_of
from mgov.store.lock import Lock
from mgov.store.root import translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.store.base import Write
    from mgov.store.files import FilesStore


def write_state(store: FilesStore, writes: Sequence[Write]) -> list[str]:
    """Apply state writes; those under one lock are checked together before the first of them is written."""
    if any(write.key.partition("/")[0] not in STATE_FAMILIES for write in writes):
        raise InternalError("a batch holds both intent and state")
    refuse_foreign(store)
    by_lock: dict[str, list[Write]] = {}
    for write in writes:
        by_lock.setdefault(lock_of(write.key), []).append(write)
    revisions: dict[str, str] = {}
    for name, group in by_lock.items():
        with signals_held(), Lock(store.root, name, clock=store.clock, wait_s=store.lock_wait_s):
            current = {write.key: _revision(store, write.key) for write in group}
            for write in group:
                check_expected(write, str(current[write.key]) if current[write.key] else None)
            for write in group:
                revisions[write.key] = _put(store, write, current[write.key] + 1)
    return [revisions[write.key] for write in writes]


def _revision(store: FilesStore, key: str) -> int:
    place = place_of(key)
    data = store.read_place(place)
    if data is None:
        return 0
    try:
        entry = unpack(data, place.path).get(key)
    except StoreDamaged as error:
        set_aside(store, place)
        store.warn(f"{error.message}; it was set aside in {QUARANTINE}/")
        return 0
    return int(entry["revision"]) if entry is not None else 0


def _put(store: FilesStore, write: Write, revision: int) -> str:
    place = place_of(write.key)
    try:
        parent = open_folder(store.root, place.folder, create=True)
        try:
            if write.value is None:
                os.unlink(place.name, dir_fd=parent)
                return ""
            entry = {"revision": revision, "value": write.value}
            if write.ttl_s is not None:
                entry["expires_at"] = store.clock.now() + write.ttl_s
            data = pack(write.key.partition("/")[0], {write.key: entry})
            write_temp(store.root, parent, place.name, data, is_durable=False)
            try:
                replace(parent, place.name)
            except OSError:
                drop_temp(parent, place.name)
                raise
            return str(revision)
        finally:
            os.close(parent)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise translate(error, f"cannot write {store.location}/{place.path}") from error


def set_aside(store: FilesStore, place: Place) -> str:
    """Move a damaged file to the quarantine under a name that is free; return its new path, relative to the root."""
    try:
        source = open_folder(store.root, place.folder)
        try:
            target = open_folder(store.root, QUARANTINE, create=True)
            try:
                taken = set(os.listdir(target))
                stem = place.path.replace("/", "_")
                name = next(n for n in (f"{stem}.{i}" for i in range(1, len(taken) + 2)) if n not in taken)
                os.rename(place.name, name, src_dir_fd=source, dst_dir_fd=target)
                return f"{QUARANTINE}/{name}"
            finally:
                os.close(target)
        finally:
            os.close(source)
    except OSError as error:
        raise translate(error, f"cannot set {store.location}/{place.path} aside") from error
