"""What the store's tests share: a handle on a store, one-line writes, and looking below a folder."""

from __future__ import annotations

import os
from pathlib import Path

from fakes import FakeClock

from mgov.clock import SystemClock
from mgov.store.base import Write
from mgov.store.create import create
from mgov.store.files import FilesStore
from mgov.store.root import open_root

STORE_ID = bytes.fromhex("0011223344556677")


def open_files(
    path: Path | str, *, clock: FakeClock | SystemClock | None = None, lock_wait_s: float = 10.0
) -> FilesStore:
    """A handle on the store at `path`; `store.warnings` collects what it warns of."""
    told: list[str] = []
    store = FilesStore(
        open_root(str(path)), clock=clock or FakeClock(), actor="tester", warn=told.append, lock_wait_s=lock_wait_s
    )
    store.warnings = told  # type: ignore[attr-defined]
    return store


def put(store: FilesStore, key: str, **fields: object) -> str:
    """Write one document in one line."""
    return store.write(Write(key, dict(fields)), operation="test")


def names_below(root: Path) -> list[str]:
    """Every file and link below a folder, relative to it."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink())


def temps_below(root: Path) -> list[str]:
    """The temp files below a folder."""
    return [name for name in names_below(root) if name.endswith(".tmp")]


def make(path: Path, *, is_shared: bool = False) -> Path:
    """A new, empty store at `path`."""
    create(str(path), is_shared=is_shared, random_bytes=lambda count: STORE_ID[:count], clock=FakeClock())
    return path


IS_ROOT = os.geteuid() == 0
