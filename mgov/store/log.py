"""The change feed on disk: `changes.jsonl`, one sealed JSON line per intent change, rotated at 8 MiB.

Only the holder of the intent lock appends. A line without its newline at the end of the file is a torn append of a
dead writer: it was never acknowledged, and the next holder cuts it off. A bad line further up is damage: readers say
where and go on behind it.

A full file becomes `changes-<its last revision>.jsonl`. Four are kept; of the ones dropped the newest stays behind
empty, so that a reader knows up to where the feed is compacted.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mgov.errors import Compacted
from mgov.store.base import Change, revision_order
from mgov.store.codec import encode_json, seal, unseal
from mgov.store.folder import close, names_in, open_folder, own, read_file, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from mgov.store.root import Root

NAME = "changes.jsonl"
ROTATE_BYTES = 8 * 1024 * 1024
KEPT_FILES = 4
_TAIL_BYTES = 4096


def to_line(change: Change, etag: str) -> bytes:
    """One line; `etag` marks the bytes of the file after the change."""
    fields = {**change._asdict(), "revision": int(change.revision), "etag": etag}
    if change.commit in ("", change.revision):
        del fields["commit"]
    return seal(encode_json(fields)[1:-1])


def parse_line(line: bytes) -> tuple[Change, str]:
    """The change and the etag of a line, fields of a later mgov left out; raise ValueError saying what is wrong."""
    fields = unseal(line)
    try:
        revision = str(int(fields["revision"]))
        known = {name: fields[name] for name in Change._fields[1:-2]}
        change = Change(revision, **known, message=fields.get("message", ""), commit=fields.get("commit", revision))
    except (KeyError, TypeError) as error:
        raise ValueError(f"it lacks {error}") from None
    return change, fields.get("etag", "")


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
            tail, start = _whole_tail(descriptor, size)
            end = start + tail.rfind(b"\n") + 1
            if end < size:
                os.ftruncate(descriptor, end)
            return _last_revision(tail) or self._last_rotated()
        finally:
            close(descriptor)

    def append(self, lines: bytes) -> None:
        """Append and flush, as `add` and `flush` do."""
        flush(self.add(lines))

    def add(self, lines: bytes) -> int:
        """Append and return the descriptor for `flush`. On failure the file is cut back to what it was."""
        self._rotate()
        descriptor = self._open(os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            size = os.fstat(descriptor).st_size
            if size == 0:
                own(self._root, descriptor, self._root.file_mode)
                self._flush_folder()
            try:
                write_all(descriptor, lines)
            except BaseException:
                os.ftruncate(descriptor, size)
                raise
        except BaseException:
            close(descriptor)
            raise
        return descriptor

    def size(self) -> int:
        """The bytes of the current file; 0 where there is none, -1 where that cannot be told."""
        try:
            descriptor = self._open(os.O_RDONLY)
            try:
                return os.fstat(descriptor).st_size
            finally:
                close(descriptor)
        except FileNotFoundError:
            return 0
        except OSError:
            return -1

    def read(self, after: str | None, warn: Callable[[str], None]) -> Iterator[Change]:
        """The changes after revision `after`, oldest first; raise Compacted where they are no longer kept."""
        floor = revision_order(after) if after is not None else 0
        # The current file first: what is rotated away meanwhile is then seen twice, not never.
        current = read_file(self._root, "", NAME) or b""
        for name in self._rotated():
            if (last := _rotated_at(name)) <= floor:
                continue
            data = read_file(self._root, "", name)
            if not data:
                if after is None:
                    continue
                raise Compacted(
                    f"changes after {after} are no longer kept, those up to {last} are gone",
                    hint="read everything once, then follow from the last revision",
                )
            for change in _changes_in(data, name, floor, warn):
                floor = int(change.revision)
                yield change
        yield from _changes_in(current, NAME, floor, warn)

    def read_back(self, warn: Callable[[str], None]) -> Iterator[Change]:
        """All that is kept, newest first; no more is looked at than is asked for."""
        # As in `read`: what is rotated away meanwhile is seen twice, and passed over by its revision.
        current = read_file(self._root, "", NAME) or b""
        lowest = yield from _changes_back_in(current, NAME, None, warn)
        for name in reversed(self._rotated()):
            data = read_file(self._root, "", name) or b""
            lowest = yield from _changes_back_in(data, name, lowest, warn)

    def last(self) -> int:
        """The last revision in the log, read without the lock."""
        try:
            descriptor = self._open(os.O_RDONLY)
        except FileNotFoundError:
            return self._last_rotated()
        try:
            tail, _ = _whole_tail(descriptor, os.fstat(descriptor).st_size)
        finally:
            close(descriptor)
        return _last_revision(tail) or self._last_rotated()

    def files(self) -> list[str]:
        """The names of the log's files, oldest first."""
        return [*self._rotated(), NAME]

    def _open(self, flags: int) -> int:
        parent = open_folder(self._root, "")
        try:
            return os.open(NAME, flags | os.O_NOFOLLOW | os.O_CLOEXEC, self._root.file_mode, dir_fd=parent)
        finally:
            close(parent)

    def _flush_folder(self) -> None:
        parent = open_folder(self._root, "")
        try:
            os.fsync(parent)
        finally:
            close(parent)

    def _rotated(self) -> list[str]:
        names = names_in(self._root, "", ".jsonl")
        return sorted(f"{n}.jsonl" for n in names if n.startswith("changes-") and n[len("changes-") :].isdigit())

    def _last_rotated(self) -> int:
        names = self._rotated()
        return _rotated_at(names[-1]) if names else 0

    def _rotate(self) -> None:
        if self.size() < ROTATE_BYTES:
            return
        parent = open_folder(self._root, "")
        try:
            os.rename(NAME, f"changes-{self.last():012d}.jsonl", src_dir_fd=parent, dst_dir_fd=parent)
            dropped = self._rotated()[:-KEPT_FILES]
            for name in dropped[:-1]:
                os.unlink(name, dir_fd=parent)
            for name in dropped[-1:]:
                close(os.open(name, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent))
            os.fsync(parent)
        finally:
            close(parent)


def flush(descriptor: int) -> None:
    """Put what `Log.add` wrote, and whatever others wrote since, on the disk; a failed flush is never retried."""
    try:
        os.fdatasync(descriptor)
    finally:
        close(descriptor)


def _rotated_at(name: str) -> int:
    return int(name[len("changes-") : -len(".jsonl")])


def _changes_in(data: bytes, name: str, floor: int, warn: Callable[[str], None]) -> Iterator[Change]:
    for place, line in enumerate(data.splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            return
        try:
            change, _ = parse_line(line)
        except ValueError as error:
            warn(f"{name}:{place} is damaged and was passed over: {error}")
            continue
        if int(change.revision) > floor:
            floor = int(change.revision)
            yield change


def _changes_back_in(
    data: bytes, name: str, ceiling: int | None, warn: Callable[[str], None]
) -> Generator[Change, None, int | None]:
    """The changes below `ceiling`, newest first; returns the lowest revision seen."""
    lines = data.splitlines(keepends=True)
    for place in range(len(lines), 0, -1):
        if not lines[place - 1].endswith(b"\n"):
            continue
        try:
            change, _ = parse_line(lines[place - 1])
        except ValueError as error:
            warn(f"{name}:{place} is damaged and was passed over: {error}")
            continue
        if ceiling is None or int(change.revision) < ceiling:
            ceiling = int(change.revision)
            yield change
    return ceiling


def _whole_tail(descriptor: int, size: int) -> tuple[bytes, int]:
    """(the end of the file, where it begins): long enough to hold the last whole line, or all of it."""
    length = _TAIL_BYTES
    while True:
        start = max(0, size - length)
        tail = os.pread(descriptor, size - start, start)
        if start == 0 or tail.count(b"\n") > 1:
            return tail, start
        length *= 8


def _last_revision(data: bytes) -> int:
    for line in reversed(data.splitlines(keepends=True)):
        if line.endswith(b"\n"):
            try:
                return int(parse_line(line)[0].revision)
            except ValueError:
                continue
    return 0
