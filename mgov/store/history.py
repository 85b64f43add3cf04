"""Last good copies: `history/<folder>/<name>/<revision>-<etag>`, the newest of which is the file's current text.

A copy is not flushed: the file itself is. Its name says what it must hold, so a copy that was cut is known and
passed over. A deleted file leaves `<revision>-gone`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from mgov.store.codec import etag
from mgov.store.folder import names_in, open_folder, own, read_file, write_all
from mgov.store.layout import HISTORY, SERVICES

if TYPE_CHECKING:
    from mgov.store.layout import Place
    from mgov.store.root import Root

KEPT_COPIES = 20
GONE = etag(None)
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


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
    found = copies(root, place)
    return found[-1] if found else None


def load(root: Root, place: Place, copy: Copy) -> bytes | None:
    """The bytes of a copy, or None when they are not what its name says."""
    data = read_file(root, place.history, copy.name) if copy.etag != GONE else None
    return data if etag(data) == copy.etag and data is not None else None


def last_good(root: Root, place: Place) -> tuple[Copy, bytes] | None:
    """The newest copy that is whole, with its bytes."""
    for copy in reversed(copies(root, place)):
        data = load(root, place, copy)
        if data is not None:
            return copy, data
    return None


def keep(root: Root, place: Place, revision: int, data: bytes | None) -> None:
    """Add a copy (None: the file is gone) and drop the oldest beyond the number kept."""
    copy = Copy(revision, etag(data))
    parent = open_folder(root, place.history, create=True)
    try:
        descriptor = os.open(copy.name, _WRITE, root.file_mode, dir_fd=parent)
        try:
            own(root, descriptor, root.file_mode)
            write_all(descriptor, data or b"")
        finally:
            os.close(descriptor)
        for name in sorted(os.listdir(parent))[:-KEPT_COPIES]:
            os.unlink(name, dir_fd=parent)
    finally:
        os.close(parent)


def forget(root: Root, place: Place, revision: int, mark: str) -> None:
    """Drop the copy of a version that was undone."""
    try:
        os.unlink(os.path.join(root.path, place.history, Copy(revision, mark).name))
    except FileNotFoundError:
        pass


def vanished(root: Root) -> tuple[list[str], int]:
    """(services whose file disappeared without mgov, how many there should be)."""
    known = set(names_in(root, f"{HISTORY}/{SERVICES}", ""))
    present = set(names_in(root, SERVICES, ".toml"))
    lost = [name for name in sorted(known - present) if not _is_gone(root, name)]
    return lost, len(present) + len(lost)


def _is_gone(root: Root, name: str) -> bool:
    marks = names_in(root, f"{HISTORY}/{SERVICES}/{name}", "")
    return not marks or marks[-1].endswith(GONE)
