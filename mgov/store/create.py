"""Making a store: the folder, its mark, and the .gitignore that leaves only what people own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mgov.errors import StoreDenied, StoreError
from mgov.store.codec import FORMAT
from mgov.store.folder import drop_temp, open_folder, replace, write_temp
from mgov.store.layout import INSTANCES, LOCKS, SERVICES
from mgov.store.lock import refuse_remote
from mgov.store.root import MARK, Root, open_root, translate

if TYPE_CHECKING:
    from collections.abc import Callable

_IGNORED = """\
# Written by mgov init: what machines own stays out of git, what people own goes in.
/*
!/.gitignore
!/store.toml
!/services/
!/configs/
!/routes.toml
!/policy.toml
"""


def create(path: str, *, is_shared: bool, random_bytes: Callable[[int], bytes]) -> tuple[Root, bool]:
    """Make a store at `path` and return (its root, True); (root, False) where one is already.

    A folder that holds anything but a store is refused: raise StoreError, nothing changed.
    """
    path = os.path.abspath(path)
    if os.path.lexists(os.path.join(path, MARK)):
        return open_root(path), False
    mode = 0o2770 if is_shared else 0o700
    try:
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.mkdir(path, mode)
        except FileExistsError:
            _refuse_used(path)
        os.chmod(path, mode)
        info = os.stat(path)
        root = Root(path, random_bytes(8).hex(), info.st_uid, info.st_gid, is_shared, info.st_uid == os.geteuid())
        refuse_remote(root)
        for folder in (SERVICES, INSTANCES, LOCKS):
            os.close(open_folder(root, folder, create=True))
        _write(root, ".gitignore", _IGNORED.encode())
        _write(root, MARK, f'format = {FORMAT}\nid = "{root.id}"\n'.encode())
    except OSError as error:
        raise translate(error, f"cannot make a store at {path}") from error
    return root, True


def _refuse_used(path: str) -> None:
    if not os.path.isdir(path) or os.path.islink(path):
        raise StoreDenied(f"{path} is not a folder")
    if os.listdir(path):
        raise StoreError(f"{path} holds other files and is no store", hint=f"mgov init {os.path.join(path, '.mgov')}")


def _write(root: Root, name: str, data: bytes) -> None:
    parent = open_folder(root, "")
    try:
        write_temp(root, parent, name, data, is_durable=True)
        try:
            replace(parent, name)
        except OSError:
            drop_temp(parent, name)
            raise
        os.fsync(parent)
    finally:
        os.close(parent)
