"""The change feed on disk: `changes.jsonl`, one sealed JSON line per intent change, rotated at 8 MiB.

Only the holder of the intent lock appends. A line without its newline at the end of the file is a torn append of a
dead writer: it was never acknowledged, and the next holder cuts it off. A bad line further up is damage: readers say
where and go on behind it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mgov.errors import Compacted
from mgov.store.base import Change, revision_order
from mgov.store.codec import encode_json, seal, unseal
from mgov.store.folder import open_folder, own, read_file, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mgov.store.root import Root

NAME = "changes.jsonl"
ROTATE_BYTES = 8 * 1024 * 1024
KEPT_FILES = 4
_TAIL_BYTES = 64 * 1024


def to_line(change: Change, etag: str) -> bytes:
    """One line; `etag` marks the bytes of the file after the change."""
    fields = {**change._asdict(), "revision": int(change.revision), "etag": etag}
    return seal(encode_json(fields)[1:-1])


class Log:
    """The log of one store, for the holder of the intent lock and for readers."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def mend(self) -> int:
        """Cut a torn tail; return the last revision in the log (0 for none). Only under the intent lock."""
        try:
            descriptor = self._open(os.O_RDWR)
        except FileNotFoundError:
            return self._last_rotated()
        try:
            size = os.fstat(descriptor).st_size
            start = max(0, size - _TAIL_BYTES)
            tail = os.pread(descriptor, size - start, start)
            end = tail.rfind(b"\n") + 1
            if start + end < size and (end or not start):
                os.ftruncate(descriptor, start + end)
            return _last_revision(tail[:end]) or self._last_rotated()
        finally:
            os.close(descriptor)

    def append(self, lines: bytes) -> None:
        """Append and flush. On a failed append the file is cut back to what it was; a failed flush is never retried."""
        self._rotate()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = self._open(flags)
        try:
            size = os.fstat(descriptor).st_size
            if size == 0:
                own(self._root, descriptor, self._root.file_mode)
            try:
                write_all(descriptor, lines)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def size(self) -> int:
        """The bytes of the current file; 0 where there is none."""
        try:
            return os.stat(os.path.join(self._root.path, NAME), follow_symlinks=False).st_size
        except FileNotFoundError:
            return 0

    def read(self, after: str | None, warn: Callable[[str], None]) -> Iterator[Change]:
        """The changes after revision `after`, oldest first; raise Compacted where they are no longer kept."""
        floor = revision_order(after) if after is not None else 0
        names = [*self._rotated(), NAME]
        is_first = True
        for name in names:
            for place, line in enumerate((read_file(self._root, "", name) or b"").splitlines(keepends=True), 1):
                if not line.endswith(b"\n"):
                    break
                try:
                    fields = unseal(line)
                except ValueError as error:
                    warn(f"{name}:{place} is damaged and was passed over: {error}")
                    continue
                if is_first and after is not None and len(names) > 1 and fields["revision"] > floor + 1:
                    raise Compacted(
                        f"changes after {after} are no longer kept; the oldest is {fields['revision']}",
                        hint="read everything once, then follow from the last revision",
                    )
                is_first = False
                if fields["revision"] > floor:
                    fields.pop("etag", None)
                    yield Change(**{**fields, "revision": str(fields["revision"])})

    def last(self) -> int:
        """The last revision in the log, read without the lock."""
        return _last_revision(read_file(self._root, "", NAME) or b"") or self._last_rotated()

    def _open(self, flags: int) -> int:
        parent = open_folder(self._root, "")
        try:
            return os.open(NAME, flags | os.O_NOFOLLOW | os.O_CLOEXEC, self._root.file_mode, dir_fd=parent)
        finally:
            os.close(parent)

    def _rotated(self) -> list[str]:
        names = [n for n in os.listdir(self._root.path) if n.startswith("changes-") and n.endswith(".jsonl")]
        return sorted(names)

    def _last_rotated(self) -> int:
        names = self._rotated()
        return int(names[-1][len("changes-") : -len(".jsonl")]) if names else 0

    def _rotate(self) -> None:
        parent = open_folder(self._root, "")
        try:
            try:
                if os.stat(NAME, dir_fd=parent, follow_symlinks=False).st_size < ROTATE_BYTES:
                    return
            except FileNotFoundError:
                return
            os.rename(NAME, f"changes-{self.last():012d}.jsonl", src_dir_fd=parent, dst_dir_fd=parent)
            for name in self._rotated()[:-KEPT_FILES]:
                os.unlink(name, dir_fd=parent)
            os.fsync(parent)
        finally:
            os.close(parent)


def _last_revision(data: bytes) -> int:
    for line in reversed(data.splitlines(keepends=True)):
        if line.endswith(b"\n"):
            try:
                return int(unseal(line)["revision"])
            except (ValueError, KeyError):
                continue
    return 0
