"""What one commit is about to do, written down first, so that whoever comes next can finish or undo it.

Every step can be repeated: a plan that was carried out in part is finished by carrying it out again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mgov.model.record import NamedTuple
from mgov.store import history
from mgov.store.base import Change
from mgov.store.codec import etag
from mgov.store.folder import close, drop_temp, open_folder, read_at, read_file, replace, temp_of, write_temp
from mgov.store.layout import Place
from mgov.store.log import to_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mgov.store.root import Root

FEW_FILES = 8                                   # up to here, threads cost more than their flushes save
FLUSH_THREADS = 8


class FileChange(NamedTuple):
    """One file's bytes before and after; None is no file. `revision` names the copy of `after` in the history.

    In a plan read back from a dead holder the bytes are unknown and only their etags count. `is_before_good` is False
    where the bytes before are damaged and no copy of them belongs into the history.
    """

    place: Place
    revision: int
    before: bytes | None
    after: bytes | None
    before_etag: str = ""
    after_etag: str = ""
    is_before_good: bool = True

    @property
    def old(self) -> str:
        """The etag before."""
        return self.before_etag or etag(self.before)

    @property
    def new(self) -> str:
        """The etag after."""
        return self.after_etag or etag(self.after)

    @property
    def has_copies(self) -> bool:
        """Whether copies of it are kept in the history; a version is written once and is its own history."""
        return not self.place.is_version

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

    @property
    def rewrites(self) -> list[FileChange]:
        """The files that change, each once."""
        return [change for change in self.files if change.is_rewrite]

    def log_lines(self, after: int = 0) -> bytes:
        """The log lines behind revision `after`, ready to append."""
        return b"".join(to_line(change, mark) for change, mark in self.lines if int(change.revision) > after)

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
    """Keep the old copies, write the new ones and every temp file, flushed; nothing that a reader sees changes."""
    for change in plan.files:
        is_made = change.is_rewrite and change.before is None
        if is_made or not change.is_before_good or not change.has_copies:
            continue
        newest = history.newest(root, change.place)
        if newest is None or newest.etag != change.old:
            history.keep(root, change.place, change.revision - (1 if change.is_rewrite else 0), change.before)
    for change in plan.rewrites:
        if change.has_copies:
            history.stage(root, change.place, change.after)
    parents = {folder: open_folder(root, folder, create=True) for folder in _folders(plan.rewrites)}

    def write(change: FileChange) -> None:
        if change.after is not None:
            write_temp(root, parents[change.place.folder], change.place.name, change.after, is_durable=True)

    try:
        if len(plan.rewrites) <= FEW_FILES:
            for change in plan.rewrites:
                write(change)
        else:
            _in_threads(write, plan.rewrites)
    finally:
        for parent in parents.values():
            close(parent)


def _in_threads(write: Any, changes: Sequence[FileChange]) -> None:
    # One flush after the other waits for the disk each time; together they share its writes.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(FLUSH_THREADS) as threads:
        for _ in threads.map(write, changes):
            pass


def put(root: Root, plan: Plan) -> None:
    """Put every file in its place. A file that is neither as planned before nor after is left as it is."""
    for folder in _folders(plan.rewrites):
        parent = open_folder(root, folder)
        try:
            for change in plan.rewrites:
                if change.place.folder == folder and etag(read_at(parent, change.place.name)) == change.old:
                    _put(parent, change)
        finally:
            close(parent)


def _put(parent: int, change: FileChange) -> None:
    if change.new == history.GONE:
        os.unlink(change.place.name, dir_fd=parent)
    else:
        replace(parent, change.place.name)


def settle(root: Root, plan: Plan) -> None:
    """Flush each folder once, then name the copies of what is in place. Can be repeated."""
    for folder in _folders(plan.rewrites):
        parent = open_folder(root, folder)
        try:
            os.fsync(parent)
        finally:
            close(parent)
    for change in plan.rewrites:
        if change.has_copies:
            history.publish(root, change.place, change.revision, change.new)


def _folders(changes: Iterable[FileChange]) -> list[str]:
    return list(dict.fromkeys(change.place.folder for change in changes))


def changed_by_others(root: Root, plan: Plan) -> list[str]:
    """The paths of files that are no longer what the plan was made from."""
    return [c.place.path for c in plan.rewrites if etag(read_file(root, *c.place)) != c.old]


def can_finish(root: Root, plan: Plan) -> bool:
    """Whether every file is new already, or is old with its whole new text in the temp file or, where it goes, with
    the copy that says so; and every hand edit that is taken in has its copy."""
    return all(_can_finish(root, change) for change in plan.files)


def _can_finish(root: Root, change: FileChange) -> bool:
    if not change.is_rewrite:
        return history.Copy(change.revision, change.new) in history.copies(root, change.place)
    current = etag(read_file(root, *change.place))
    if current == change.new:
        return True
    if current != change.old:
        return False
    if change.new == history.GONE:
        return not change.has_copies or history.is_staged(root, change.place)
    return etag(read_file(root, change.place.folder, temp_of(change.place.name))) == change.new


def undo(root: Root, plan: Plan) -> bool:
    """Bring back every old file and drop the temp files; False when an old text could not be brought back."""
    outcomes = [_undo(root, change) for change in reversed(plan.files)]
    return all(outcomes)


def _undo(root: Root, change: FileChange) -> bool:
    name = change.place.name
    try:
        parent = open_folder(root, change.place.folder)
    except OSError:
        return change.old == history.GONE
    try:
        drop_temp(parent, name)
        if change.has_copies:
            history.forget(root, change.place, change.revision, change.new)
        if change.is_rewrite and etag(read_at(parent, name)) == change.new:
            return _bring_back(root, parent, change)
        return True
    except OSError:
        return False
    finally:
        close(parent)


def _bring_back(root: Root, parent: int, change: FileChange) -> bool:
    if change.old == history.GONE:
        os.unlink(change.place.name, dir_fd=parent)
    else:
        before = change.before if change.before is not None or not change.has_copies else _old_copy(root, change)
        if before is None:
            return False
        write_temp(root, parent, change.place.name, before, is_durable=True)
        replace(parent, change.place.name)
    os.fsync(parent)
    return True


def _old_copy(root: Root, change: FileChange) -> bytes | None:
    for copy in reversed(history.copies(root, change.place)):
        if copy.etag == change.old:
            return history.load(root, change.place, copy)
    return None
