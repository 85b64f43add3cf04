"""Where a store is and whether it may be used: found, recognised, its permissions judged.

A store is a folder with a `store.toml` whose first two lines are `format = 1` and `id = "..."`. A folder that was
named and is not a store is refused; nothing is ever initialised over it.
"""

import errno
import os
import stat

from mgov.errors import NotAStore, StoreDamaged, StoreDenied, StoreError, StoreFull
from mgov.model.record import NamedTuple
from mgov.store.codec import check_format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = ".mgov"
MARK = "store.toml"
INIT_HINT = "set MGOV_STORE, or make one here with: mgov init"
_FULL = {errno.ENOSPC: "no space left", errno.EDQUOT: "the quota is used up", errno.EFBIG: "the file is too large"}
_DENIED = {
    errno.EACCES: "permission denied",
    errno.EPERM: "not permitted",
    errno.EROFS: "the file system is read-only",
    errno.ELOOP: "a symbolic link stands where mgov keeps a file",
    errno.ENODEV: "a pipe or device stands where mgov keeps a file",
}


class Root(NamedTuple):
    """A store's folder: absolute path, id, and how files in it are made (owner, group-writable or not)."""

    path: str
    id: str
    owner: int
    group: int
    is_shared: bool
    is_own: bool
    folders: "dict[str, int] | None" = None     # while a lock is held: descriptors of '' (the root) and others

    @property
    def file_mode(self) -> int:
        """The mode of a file that mgov creates here."""
        return 0o660 if self.is_shared else 0o600

    @property
    def folder_mode(self) -> int:
        """The mode of a folder that mgov creates here."""
        return 0o2770 if self.is_shared else 0o700


def translate(error: OSError, what: str) -> StoreError:
    """The StoreError that says why `what` failed; nothing was changed."""
    number = error.errno or 0
    if number in _FULL:
        return StoreFull(f"{what}: {_FULL[number]}", hint="free some space; nothing was changed")
    if number in _DENIED:
        return StoreDenied(f"{what}: {_DENIED[number]}")
    if number == errno.ENOTDIR:
        return StoreDenied(f"{what}: a file or link stands where a folder belongs")
    if number == errno.EISDIR:
        return StoreDamaged(f"{what}: a folder stands where a file belongs")
    return StoreError(f"{what}: {os.strerror(number).lower() if number else error}")


def locate(named: "str | None", environ: "Mapping[str, str]") -> "str | None":
    """The store's path: the one named, MGOV_STORE's, else the nearest `.mgov` at or above the current folder."""
    chosen = named or environ.get("MGOV_STORE")
    if chosen:
        return chosen
    try:
        folder = os.getcwd()
    except OSError:
        return None
    while True:
        candidate = os.path.join(folder, FOLDER)
        if os.path.isfile(os.path.join(candidate, MARK)):
            return candidate
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def open_root(path: str) -> Root:
    """Recognise the store at `path`; raise NotAStore, StoreDenied, StoreNewer or StoreDamaged."""
    path = os.path.abspath(path)
    shown = path.encode("utf-8", "backslashreplace").decode()
    try:
        info = os.stat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise NotAStore(f"{shown} does not exist", hint=INIT_HINT) from None
        raise translate(error, f"cannot open {shown}") from error
    if not stat.S_ISDIR(info.st_mode):
        raise NotAStore(f"{shown} is not a folder", hint=INIT_HINT)
    if info.st_mode & stat.S_IWOTH:
        raise StoreDenied(f"{shown} is writable by everyone", hint=f"chmod o-w {shown}")
    store_id = _read_mark(os.path.join(path, MARK), -1, path, shown)
    me = os.geteuid()
    return Root(path, store_id, info.st_uid, info.st_gid, bool(info.st_mode & stat.S_IWGRP), info.st_uid == me)


def read_mark(root: Root) -> str:
    """The id of the store in the folder that `root` is bound to."""
    return _read_mark(MARK, root.folders[""] if root.folders else -1, root.path, root.path)


def _read_mark(name: str, folder: int, path: str, shown: str) -> str:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(name, flags, dir_fd=folder if folder >= 0 else None)
    except OSError as error:
        if error.errno == errno.ENOENT:
            inner = os.path.join(path, FOLDER)
            hint = f"did you mean {inner}?" if os.path.isdir(inner) else INIT_HINT
            raise NotAStore(f"{shown} is not a store: it has no {MARK}", hint=hint) from None
        raise translate(error, f"cannot read {shown}/{MARK}") from error
    try:
        data = os.read(descriptor, 4096)
    except OSError as error:
        raise translate(error, f"cannot read {shown}/{MARK}") from error
    finally:
        os.close(descriptor)
    return parse_mark(data, f"{shown}/{MARK}")


def parse_mark(data: bytes, path: str) -> str:
    """The id in a `store.toml`; its first line is fixed, so that no TOML parser is needed to know a store."""
    first, _, rest = data.partition(b"\n")
    name, _, number = first.partition(b"=")
    if name.strip() != b"format" or not number.strip().isdigit():
        raise StoreDamaged(f"{path}:1: the first line must be 'format = 1'")
    check_format(int(number), path)
    second = rest.partition(b"\n")[0]
    name, _, text = second.partition(b"=")
    identity = text.strip().strip(b'"')
    if name.strip() != b"id" or not identity.isalnum():
        raise StoreDamaged(f"{path}:2: the second line must be 'id = \"...\"'")
    return identity.decode("ascii")
