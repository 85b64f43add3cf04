"""Last good copies: `history/<folder>/<name>/<revision>-<etag>`, the newest of which is the file's current text.

A copy is not flushed: the file itself is. It is written beside the others before the file is touched, so that a full
disk shows early, and named once the file is in place. Its name says what it must hold, so a copy that was cut is
known and passed over. A deleted file leaves `<revision>-gone`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from mgov.store.codec import etag
from mgov.store.folder import close, drop_temp, names_in, open_folder, read_file, temp_of, write_all, write_temp

if TYPE_CHECKING:
    from mgov.store.layout import Place
    from mgov.store.root import Root

KEPT_COPIES = 20
GONE = etag(None)
_STAGED = "next"
_REWRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class Copy(NamedTuple):
    """One kept version of a file, by its name; `etag` is `gone` after a deletion."""

    revision: int
    etag: str

    @property
    def name(self) -> str:
        """The copy's file name; names sort by revision."""
        return f"{self.revision:012d}-{self.etag}"


def copies(root: Root, place: Place) -> list[Copy]:
    """The kept copies of a file, oldest first."""
    found = []
    for name in names_in(root, place.history, ""):
        number, _, mark = name.partition("-")
        if number.isdigit() and mark:
            found.append(Copy(int(number), mark))
    return found


def newest(root: Root, place: Place) -> Copy | None:
    """The newest copy by name, or None."""
    for name in reversed(names_in(root, place.history, "")):
        number, _, mark = name.partition("-")
        if number.isdigit() and mark:
            return Copy(int(number), mark)
    return None


def load(root: Root, place: Place, copy: Copy) -> bytes | None:
    """The bytes of a copy, or None when they are not what its name says."""
    data = read_file(root, place.history, copy.name) if copy.etag != GONE else None
    return data if etag(data) == copy.etag and data is not None else None


def last_good(root: Root, place: Place) -> tuple[Copy, bytes] | None:
    """The newest copy that is whole, with its bytes; None when the file was last deleted."""
    for copy in reversed(copies(root, place)):
        if copy.etag == GONE:
            return None
        data = load(root, place, copy)
        if data is not None:
            return copy, data
    return None


def stage(root: Root, place: Place, data: bytes | None) -> None:
    """Write a copy under a temp name, so that `publish` needs no more space; not flushed.

    Once all copies that are kept are there, the oldest file becomes the new copy: ext4 passes over inodes deleted a
    moment ago one by one, so that making a file for each one deleted gets slow. It is cut to length last, for the
    bytes of a file that was emptied first are forced out when it is closed.
    """
    parent = open_folder(root, place.history, create=True)
    try:
        names = sorted(name for name in os.listdir(parent) if name[0] != ".")
        if len(names) < KEPT_COPIES:
            write_temp(root, parent, _STAGED, data or b"", is_durable=False)
            return
        os.rename(names[0], temp_of(_STAGED), src_dir_fd=parent, dst_dir_fd=parent)
        descriptor = os.open(temp_of(_STAGED), _REWRITE, dir_fd=parent)
        try:
            write_all(descriptor, data or b"")
            os.ftruncate(descriptor, len(data or b""))
        finally:
            os.close(descriptor)
    finally:
        close(parent)


def is_staged(root: Root, place: Place) -> bool:
    """Whether a copy waits for its name."""
    return read_file(root, place.history, temp_of(_STAGED)) is not None


def publish(root: Root, place: Place, revision: int, mark: str) -> None:
    """Give the staged copy its name. Can be repeated."""
    parent = open_folder(root, place.history, create=True)
    try:
        os.rename(temp_of(_STAGED), Copy(revision, mark).name, src_dir_fd=parent, dst_dir_fd=parent)
    except FileNotFoundError:
        pass
    finally:
        close(parent)


def keep(root: Root, place: Place, revision: int, data: bytes | None) -> None:
    """Add a copy (None: the file is gone)."""
    stage(root, place, data)
    publish(root, place, revision, etag(data))


def forget(root: Root, place: Place, revision: int, mark: str) -> None:
    """Drop the copy of a version that was undone, staged or published."""
    try:
        parent = open_folder(root, place.history)
    except FileNotFoundError:
        return
    try:
        drop_temp(parent, _STAGED)
        os.unlink(Copy(revision, mark).name, dir_fd=parent)
    except FileNotFoundError:
        pass
    finally:
        close(parent)
