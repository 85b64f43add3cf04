"""One writer at a time: flock on a file of its own, which is never renamed or deleted.

The lock file begins with a line of fixed length that says who holds it, for the one who waits in vain. Behind it the
holder of the intent lock writes what it is about to do: one that dies leaves its plan behind, and the next one
finishes or undoes it. A lock is bound to the open file, so two threads exclude each other as two processes do; the
descriptor is closed on exec and unlocked by name, so that a forked child that keeps it does not keep the lock.

Everything that is done under a lock goes through `Lock.root`, which is bound to the folder that was locked: should
another folder take its place, the holder cannot write into that one.
"""

import errno
import fcntl
import os
import sys

from mgov.errors import LockTimeout, StoreDenied, StoreError
from mgov.store import signals
from mgov.store.codec import FORMAT, check_format, encode_json, seal, unseal
from mgov.store.folder import close, open_folder, own, write_at
from mgov.store.layout import LOCKS
from mgov.store.root import read_mark, translate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from mgov.clock import Clock
    from mgov.store.root import Root

FIRST_WAIT_S = 0.0005
LONGEST_WAIT_S = 0.004
HOLDER_BYTES = 256
REMOTE_TYPES = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs")


class Lock:
    """Hold `lock/<name>` inside a `with` block, signals held back; raise LockTimeout after `wait_s` seconds, naming
    the holder. `is_new` is for the making of a store, which has no id yet.
    """

    def __init__(self, root: "Root", name: str, *, clock: "Clock", wait_s: float, is_new: bool = False) -> None:
        self.root = root
        self._name, self._clock, self._wait_s, self._is_new = name, clock, wait_s, is_new
        self._descriptor = -1
        self._pid = 0
        self._held: signals.Held | None = None

    def __enter__(self) -> "Lock":
        self._held = signals.hold()
        try:
            deadline = self._clock.monotonic() + self._wait_s
            while not self._acquire(deadline):
                pass
        except OSError as error:
            self._let_go()
            raise translate(error, f"cannot lock {self._path}") from error
        except BaseException:
            self._let_go()
            raise
        return self

    @property
    def _path(self) -> str:
        return f"{self.root.path}/{LOCKS}/{self._name}"

    def _acquire(self, deadline: float) -> bool:
        """Wait for the lock; False when the file that was waited for is no longer the lock file."""
        self._open()
        wait_s = FIRST_WAIT_S
        while not self._try():
            if not self.is_in_place():
                self._close()
                return False
            left_s = deadline - self._clock.monotonic()
            if left_s <= 0:
                raise LockTimeout(
                    f"{self.root.path} is locked by {describe_holder(_holder(self._descriptor))}",
                    hint="wait for it, or end it; the lock goes with the process",
                )
            self._clock.sleep(min(wait_s, left_s))
            if signals.has_arrived(self._held):
                self._deliver()
                self._held = signals.hold()
            wait_s = min(wait_s * 1.5, LONGEST_WAIT_S)
        if not self.is_in_place():
            self._close()
            return False
        if not self._is_new and read_mark(self.root) != self.root.id:
            raise StoreError(f"{self.root.path} is another store now", hint="repeat the command")
        write_at(self._descriptor, _holder_line(), 0)
        return True

    def _open(self) -> None:
        folder = os.open(self.root.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.root = self.root._replace(folders={"": folder})
        parent = open_folder(self.root, LOCKS, create=True)
        try:
            self._descriptor = _open_lock_file(self.root, self._name, parent)
        finally:
            close(parent)
        self._pid = os.getpid()

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        return True

    def is_in_place(self) -> bool:
        """Whether the file that this lock is on is still the one that others will lock."""
        try:
            here = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        held = os.fstat(self._descriptor)
        return (here.st_dev, here.st_ino) == (held.st_dev, held.st_ino)

    def read(self) -> "dict[str, Any]":
        """What the last holder noted; {} for nothing whole. Raise StoreNewer for the note of a newer mgov."""
        return read_note(self._descriptor, self._path)

    def note(self, fields: "dict[str, Any]") -> None:
        """Keep `fields` for whoever holds the lock next, even after a kill -9; not flushed."""
        data = seal(encode_json({"format": FORMAT, **fields})[1:-1])
        write_at(self._descriptor, data, HOLDER_BYTES)
        os.ftruncate(self._descriptor, HOLDER_BYTES + len(data))

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        self._let_go()

    def _let_go(self) -> None:
        try:
            self._close()
        finally:
            self._deliver()

    def _deliver(self) -> None:
        held, self._held = self._held, None
        signals.release(held)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        folders, self.root = self.root.folders, self.root._replace(folders=None)
        try:
            # A forked child that comes this way must not unlock what its parent holds.
            if descriptor >= 0 and self._pid == os.getpid():
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        except OSError:
            pass
        close(descriptor)
        for folder in (folders or {}).values():
            close(folder)


def _open_lock_file(root: "Root", name: str, parent: int) -> int:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        try:
            return os.open(name, flags, dir_fd=parent)
        except FileNotFoundError:
            pass
        try:
            descriptor = os.open(name, flags | os.O_CREAT | os.O_EXCL, root.file_mode, dir_fd=parent)
        except FileExistsError:
            continue
        try:
            own(root, descriptor, root.file_mode)
        except BaseException:
            close(descriptor)
            raise
        return descriptor


def read_note(descriptor: int, path: str) -> "dict[str, Any]":
    """What a holder noted in the open lock file at `path`; {} for nothing whole."""
    # A note that was cut short by a kill says nothing: it is written before the first file is touched, or after the
    # last log line. Behind a whole one the end of a longer, older note may stand.
    data = os.pread(descriptor, os.fstat(descriptor).st_size, HOLDER_BYTES)
    try:
        fields = unseal(data[: data.find(b"\n") + 1])
    except ValueError:
        return {}
    check_format(fields.get("format"), path)
    return fields


def _holder(descriptor: int) -> "dict[str, Any]":
    try:
        return unseal(os.pread(descriptor, HOLDER_BYTES, 0).rstrip() + b"\n")
    except (OSError, ValueError):
        return {}


def _holder_line() -> bytes:
    about = {"pid": os.getpid(), "host": _ascii(os.uname().nodename), "command": _ascii(_command())}
    return seal(encode_json(about)[1:-1])[:-1].ljust(HOLDER_BYTES - 1) + b"\n"


def _ascii(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text[:64]
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "?" for c in text)[:64]


def _command() -> str:
    return " ".join(os.path.basename(word) if i == 0 else word for i, word in enumerate(sys.argv[:2]))


def describe_holder(fields: "dict[str, Any]") -> str:
    """The holder in words, from what it wrote into the lock file."""
    if "pid" not in fields:
        return "another process"
    return f"process {fields['pid']} on {fields.get('host', '?')} ({fields.get('command', '?')})"


def refuse_remote(root: "Root") -> None:
    """Raise StoreDenied where flock means nothing across machines: nfs, cifs and other network file systems."""
    kind = filesystem_of(root.path)
    if kind in REMOTE_TYPES or (kind.startswith("fuse.") and kind != "fuse.fuse-overlayfs"):
        raise StoreDenied(
            f"{root.path} lies on {kind}, where a lock does not hold between machines",
            hint="keep the store on a local disk; a shared store belongs on etcd",
        )


def filesystem_of(path: str) -> str:
    """The type of the file system that `path` lies on, from /proc/self/mounts; '' where that cannot be told."""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts:
            lines = [line.split(" ") for line in mounts]
    except OSError:
        return ""
    real = os.path.realpath(path)
    best, kind = "", ""
    for fields in lines:
        point = fields[1].replace("\\040", " ")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind
