"""Making a store: the folder, its mark, and the .gitignore that leaves only what people own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mgov.errors import StoreDenied, StoreError, UsageError
from mgov.store.codec import FORMAT
from mgov.store.folder import close, drop_temp, open_folder, replace, temp_of, write_temp
from mgov.store.layout import INSTANCES, INTENT_LOCK, LOCKS, SERVICES
from mgov.store.lock import Lock, refuse_remote
from mgov.store.root import MARK, Root, open_root, translate

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgov.clock import Clock

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


_GITIGNORE = ".gitignore"
_LOCK_WAIT_S = 10.0
_OWN_FILES = {_GITIGNORE, temp_of(_GITIGNORE), temp_of(MARK)}
_OWN_FOLDERS = (SERVICES, INSTANCES)


def create(
    path: str, *, is_shared: bool, random_bytes: Callable[[int], bytes], clock: Clock | None = None
) -> tuple[Root, bool]:
    """Make a store at `path` and return (its root, True); (root, False) where one is already.

    A folder that holds anything but a store, or the beginnings of one, is refused: raise StoreError, nothing changed.
    """
    if path.startswith("~"):
        raise UsageError(f"{path} was not expanded: no folder is named '~'", hint="set HOME, or write the path in full")
    path = os.path.abspath(path)
    if os.path.lexists(os.path.join(path, MARK)):
        return open_root(path), False
    mode = 0o2770 if is_shared else 0o700
    try:
        _make_folder(path, mode)
        info = os.stat(path)
        root = Root(path, "", info.st_uid, info.st_gid, is_shared, info.st_uid == os.geteuid())
        refuse_remote(root)
        with Lock(root, INTENT_LOCK, clock=clock or _system_clock(), wait_s=_LOCK_WAIT_S, is_new=True) as lock:
            if os.path.lexists(os.path.join(path, MARK)):
                return open_root(path), False
            root = root._replace(id=random_bytes(8).hex())
            for folder in _OWN_FOLDERS:
                close(open_folder(lock.root, folder, create=True))
            _write(lock.root, _GITIGNORE, _IGNORED.encode())
            _write(lock.root, MARK, f'format = {FORMAT}\nid = "{root.id}"\n'.encode())
    except OSError as error:
        raise translate(error, f"cannot make a store at {path}") from error
    return root, True


def _system_clock() -> Clock:
    from mgov.clock import SystemClock

    return SystemClock()


def _make_folder(path: str, mode: int) -> None:
    above = os.path.dirname(path)
    os.makedirs(above, exist_ok=True)
    try:
        os.mkdir(path, mode)
        if os.geteuid() == 0:
            info = os.stat(above)               # sudo in a user's folder must not lock the user out
            os.chown(path, info.st_uid, info.st_gid)
    except FileExistsError:
        _refuse_used(path)
    os.chmod(path, mode)
    parent = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        close(parent)


def _refuse_used(path: str) -> None:
    if not os.path.isdir(path) or os.path.islink(path):
        raise StoreDenied(f"{path} is not a folder")
    if all(_is_beginning(path, name) for name in os.listdir(path)):
        return
    raise StoreError(f"{path} holds other files and is no store", hint=f"mgov init {os.path.join(path, '.mgov')}")


def _is_beginning(path: str, name: str) -> bool:
    """Whether an `init` that was cut short, or one that runs just now, left this."""
    if name in _OWN_FILES or name in (LOCKS, MARK):
        return True
    folder = os.path.join(path, name)
    return name in _OWN_FOLDERS and os.path.isdir(folder) and not os.listdir(folder)


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
        close(parent)
