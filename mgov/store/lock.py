"""One writer at a time: flock on a file of its own, which is never renamed or deleted.

The lock file's text says who holds it (for the one who waits in vain) and, for the intent lock, what the holder was
about to do: a holder that dies leaves its plan behind, and the next one finishes or undoes it. A lock is bound to the
open file, so two threads exclude each other as two processes do; the descriptor is closed on exec and unlocked by
name, so that a forked child that keeps it does not keep the lock.
"""

import errno
import fcntl
import os
import sys

from mgov.errors import LockTimeout, StoreDenied
from mgov.store.codec import encode_json, seal, unseal
from mgov.store.folder import open_folder, own
from mgov.store.layout import LOCKS
from mgov.store.root import translate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from mgov.clock import Clock
    from mgov.store.root import Root

FIRST_WAIT_S = 0.0005
LONGEST_WAIT_S = 0.02
REMOTE_TYPES = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs")


class Lock:
    """Hold `lock/<name>` inside a `with` block; raise LockTimeout after `wait_s` seconds, naming the holder."""

    def __init__(self, root: "Root", name: str, *, clock: "Clock", wait_s: float) -> None:
        self._root, self._name, self._clock, self._wait_s = root, name, clock, wait_s
        self._descriptor = -1

    def __enter__(self) -> "Lock":
        try:
            parent = open_folder(self._root, LOCKS, create=True)
        except OSError as error:
            raise translate(error, f"cannot lock {self._root.path}") from error
        try:
            self._acquire(parent)
        finally:
            os.close(parent)
        return self

    def _acquire(self, parent: int) -> None:
        deadline = self._clock.monotonic() + self._wait_s
        wait_s = FIRST_WAIT_S
        while True:
            descriptor = self._open(parent)
            try:
                if self._try(descriptor, parent):
                    self._descriptor = descriptor
                    return
                left_s = deadline - self._clock.monotonic()
                if left_s <= 0:
                    raise LockTimeout(
                        f"{self._root.path} is locked by {describe_holder(_read(descriptor))}",
                        hint="wait for it, or end it; the lock goes with the process",
                    )
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
            self._clock.sleep(min(wait_s, left_s))
            wait_s = min(wait_s * 1.5, LONGEST_WAIT_S)

    def _open(self, parent: int) -> int:
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            try:
                return os.open(self._name, flags, dir_fd=parent)
            except FileNotFoundError:
                descriptor = os.open(self._name, flags | os.O_CREAT, self._root.file_mode, dir_fd=parent)
                own(self._root, descriptor, self._root.file_mode)
                return descriptor
        except OSError as error:
            raise translate(error, f"cannot open {self._root.path}/{LOCKS}/{self._name}") from error

    def _try(self, descriptor: int, parent: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise translate(error, f"cannot lock {self._root.path}/{LOCKS}/{self._name}") from error
        # Somebody may have put another file, or another root, in this place while we waited.
        try:
            here = os.stat(os.path.join(self._root.path, LOCKS, self._name), follow_symlinks=False)
        except OSError:
            return False
        held = os.fstat(descriptor)
        return (here.st_dev, here.st_ino) == (held.st_dev, held.st_ino)

    def read(self) -> "dict[str, Any]":
        """What the last holder left in the lock file; {} for nothing whole."""
        return _read(self._descriptor)

    def note(self, fields: "dict[str, Any]") -> None:
        """Say who holds the lock and `fields` beside it, in one write."""
        about = {"pid": os.getpid(), "host": os.uname().nodename, "command": _command(), **fields}
        data = seal(encode_json(about)[1:-1])
        os.ftruncate(self._descriptor, 0)
        if os.pwrite(self._descriptor, data, 0) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        try:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)


def _read(descriptor: int) -> "dict[str, Any]":
    try:
        data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        return unseal(data)
    except (OSError, ValueError):
        return {}


def _command() -> str:
    return " ".join(os.path.basename(word) if i == 0 else word for i, word in enumerate(sys.argv[:2]))[:80]


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
