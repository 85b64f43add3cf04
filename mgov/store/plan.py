"""What one commit is about to do, written down first, so that whoever comes next can finish or undo it.

Every step can be repeated: a plan that was carried out in part is finished by carrying it out again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from mgov.store import history
from mgov.store.base import Change
from mgov.store.codec import etag
from mgov.store.folder import drop_temp, open_folder, read_at, read_file, replace, temp_of, write_temp
from mgov.store.layout import Place
from mgov.store.log import to_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.store.root import Root


class FileChange(NamedTuple):
    """One file's bytes before and after; None is no file. `revision` names the copy of `after` in the history.

    In a plan read back from a dead holder the bytes are unknown and only their etags count.
    """

    place: Place
    revision: int
    before: bytes | None
    after: bytes | None
    before_etag: str = ""
    after_etag: str = ""

    @property
    def old(self) -> str:
        """The etag before."""
        return self.before_etag or etag(self.before)

    @property
    def new(self) -> str:
        """The etag after."""
        return self.after_etag or etag(self.after)

    @property
    def is_rewrite(self) -> bool:
        """Whether the file itself changes; a hand edit that is taken in only gets its copy and its log line."""
        return self.old != self.new


class Plan(NamedTuple):
    """The files and log lines of one commit."""

    files: Sequence[FileChange]
    lines: Sequence[tuple[Change, str]]

    @property
    def first_revision(self) -> int:
        """The revision of the first log line."""
        return int(self.lines[0][0].revision)

    @property
    def last_revision(self) -> int:
        """The revision of the last log line."""
        return int(self.lines[-1][0].revision)

    def log_lines(self) -> bytes:
        """All log lines, ready to append."""
        return b"".join(to_line(change, mark) for change, mark in self.lines)

    def to_fields(self) -> dict[str, Any]:
        """The plan as it is kept in the lock file."""
        return {
            "files": [[*change.place, change.revision, change.old, change.new] for change in self.files],
            "lines": [[*change, mark] for change, mark in self.lines],
        }

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Plan:
        """The plan that `to_fields` wrote, without the bytes."""
        return cls(
            [FileChange(Place(f, n), revision, None, None, old, new) for f, n, revision, old, new in fields["files"]],
            [(Change(*line[:-1]), line[-1]) for line in fields["lines"]],
        )


def prepare(root: Root, plan: Plan) -> None:
    """Keep the old copies and write every temp file, flushed; nothing that a reader sees changes."""
    parent, folder = -1, ""
    try:
        for change in plan.files:
            newest = history.newest(root, change.place)
            if change.before is not None and (newest is None or newest.etag != change.old):
                history.keep(root, change.place, change.revision - (1 if change.is_rewrite else 0), change.before)
            if change.place.folder != folder:
                if parent >= 0:
                    os.close(parent)
                parent, folder = open_folder(root, change.place.folder, create=True), change.place.folder
            if change.is_rewrite and change.after is not None:
                write_temp(root, parent, change.place.name, change.after, is_durable=True)
    finally:
        if parent >= 0:
            os.close(parent)


def apply(root: Root, plan: Plan) -> None:
    """Put every file in its place, flush each folder once, keep the new copies. Can be repeated."""
    for folder in dict.fromkeys(change.place.folder for change in plan.files):
        parent = open_folder(root, folder, create=True)
        try:
            for change in plan.files:
                if change.place.folder == folder and change.is_rewrite:
                    _put(parent, change)
            os.fsync(parent)
        finally:
            os.close(parent)
    for change in plan.files:
        if change.is_rewrite:
            data = change.after if not change.after_etag else read_file(root, *change.place)
            history.keep(root, change.place, change.revision, data)


def _put(parent: int, change: FileChange) -> None:
    name = change.place.name
    try:
        if change.new == history.GONE:
            os.unlink(name, dir_fd=parent)
        else:
            replace(parent, name)
    except FileNotFoundError:
        # A dead holder came this far; `can_finish` saw the new bytes in place.
        if not change.after_etag:
            raise


def can_finish(root: Root, plan: Plan) -> bool:
    """Whether every file is new already, or is old with its whole new text in the temp file."""
    return all(_can_finish(root, change) for change in plan.files)


def _can_finish(root: Root, change: FileChange) -> bool:
    current = etag(read_file(root, *change.place))
    if current == change.new:
        return True
    if current != change.old:
        return False
    temp = read_file(root, change.place.folder, temp_of(change.place.name))
    return change.new == history.GONE or etag(temp) == change.new


def undo(root: Root, plan: Plan) -> bool:
    """Bring back every old file and drop the temp files; False when an old text could not be brought back."""
    outcomes = [_undo(root, change) for change in plan.files]
    return all(outcomes)


def _undo(root: Root, change: FileChange) -> bool:
    name = change.place.name
    try:
        parent = open_folder(root, change.place.folder)
    except OSError:
        return change.old == history.GONE
    try:
        drop_temp(parent, name)
        history.forget(root, change.place, change.revision, change.new)
        current = etag(read_at(parent, name))
        if not change.is_rewrite or current != change.new:
            return True
        if change.old == history.GONE:
            os.unlink(name, dir_fd=parent)
        else:
            before = change.before if change.before is not None else _old_copy(root, change)
            if before is None:
                return False
            write_temp(root, parent, name, before, is_durable=True)
            replace(parent, name)
        os.fsync(parent)
        return True
    except OSError:
        return False
    finally:
        os.close(parent)


def _old_copy(root: Root, change: FileChange) -> bytes | None:
    for copy in reversed(history.copies(root, change.place)):
        if copy.etag == change.old:
            return history.load(root, change.place, copy)
    return None
