"""The write routine of intent: what people and machines declared, and must find again after a power cut.

Promised, once `commit` returns: every changed file is on the disk whole, its folder entry too, and the change log has
its line. Promised at any moment, whoever dies: each file is old or new, and the next writer of any key finishes or
undoes what a dead one began. Not promised: that a reader sees a batch of several files at one instant.

In order: hold back signals; lock; finish or undo a dead holder's plan; adopt hand edits; check every expectation;
write the plan into the lock file; keep the old copies; write and flush each temp file; rename each; flush each folder
once; keep the new copies; append the log lines and flush them; clear the plan; unlock. A flush that failed is never
tried again: the temp file is dropped. An error before the first rename means that nothing changed (8); a later one is
undone if it can be, else it is "outcome unknown" (75) and the plan stays for the next writer.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mgov.errors import Conflict, InternalError, OutcomeUnknown, StoreDenied, StoreError
from mgov.store import definitions, history, index
from mgov.store.base import ABSENT, INTENT_FAMILIES, Change, revision_order
from mgov.store.codec import etag, pack, unpack
from mgov.store.layout import INTENT_LOCK, SERVICES, place_of
from mgov.store.lock import Lock, refuse_remote
from mgov.store.log import Log
from mgov.store.plan import FileChange, Plan, apply, can_finish, prepare, undo
from mgov.store.root import translate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from mgov.store.base import Value, Write
    from mgov.store.files import FilesStore
    from mgov.store.layout import Place

_HELD_BACK = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


@contextmanager
def signals_held() -> Iterator[None]:
    """Deliver SIGINT, SIGTERM and SIGHUP only after the block, on the main thread; elsewhere they go there anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def refuse_foreign(store: FilesStore) -> None:
    """Raise StoreDenied where this user may not write: another's store (root may), or a network file system."""
    if not store.root.is_own and not store.root.is_shared and os.geteuid() != 0:
        raise StoreDenied(
            f"{store.location} belongs to another user", hint="use a store of your own, or: mgov init --shared"
        )
    refuse_remote(store.root)


def commit(store: FilesStore, writes: Sequence[Write], *, operation: str, message: str) -> list[str]:
    """Apply intent writes, all or none, and return each key's revision ('' for a deleted one)."""
    if any(write.key.partition("/")[0] not in INTENT_FAMILIES for write in writes):
        raise InternalError("a batch holds both intent and state")
    if len({write.key for write in writes}) != len(writes):
        raise InternalError("a batch writes one key twice")
    refuse_foreign(store)
    with signals_held(), Lock(store.root, INTENT_LOCK, clock=store.clock, wait_s=store.lock_wait_s) as lock:
        log = Log(store.root)
        try:
            last = recover(store, lock, log)
        except OSError as error:
            raise translate(error, f"cannot write to {store.location}") from error
        batch = Batch(store, last, operation, message)
        _check_none_lost(store, lock)
        batch.stage(writes)
        if batch.lines:
            _carry_out(store, lock, log, batch)
        return [batch.revisions[write.key] for write in writes]


def recover(store: FilesStore, lock: Lock, log: Log) -> int:
    """Finish or undo what a dead holder planned; return the last revision ever given. Only under the lock."""
    left = lock.read()
    last = max(log.mend(), int(left.get("revision", 0)))
    if "plan" not in left:
        return last
    plan = Plan.from_fields(left["plan"])
    if can_finish(store.root, plan):
        apply(store.root, plan)
        if plan.last_revision > log.last():
            log.append(plan.log_lines())
        store.warn("a write that another process left unfinished was completed")
        last = max(last, plan.last_revision)
    else:
        undo(store.root, plan)
        store.warn("a write that another process left unfinished was undone")
    _settle(store, lock, last)
    return last


def _carry_out(store: FilesStore, lock: Lock, log: Log, batch: Batch) -> None:
    plan = batch.plan()
    what = f"cannot write to {store.location}"
    try:
        lock.note({"plan": plan.to_fields(), "revision": batch.first - 1})
        prepare(store.root, plan)
    except OSError as error:
        undo(store.root, plan)
        _settle_quietly(store, lock, batch.first - 1)
        raise translate(error, what) from error
    except BaseException:
        undo(store.root, plan)
        _settle_quietly(store, lock, batch.first - 1)
        raise
    try:
        apply(store.root, plan)
    except OSError as error:
        raise _unknown(store, error) from error
    _append(store, lock, log, plan, what)
    _settle_quietly(store, lock, plan.last_revision)


def _append(store: FilesStore, lock: Lock, log: Log, plan: Plan, what: str) -> None:
    size_before = log.size()
    try:
        log.append(plan.log_lines())
    except OSError as error:
        if log.size() != size_before or not undo(store.root, plan):
            raise _unknown(store, error) from error
        _settle_quietly(store, lock, plan.first_revision - 1)
        raise translate(error, what) from error


def _unknown(store: FilesStore, error: OSError) -> OutcomeUnknown:
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    return OutcomeUnknown(
        f"the write to {store.location} may or may not last: {reason}", hint="look, then repeat the command"
    )


def _settle(store: FilesStore, lock: Lock, revision: int) -> None:
    lock.note({"revision": revision, "services_mtime_ns": _services_mtime_ns(store)})


def _settle_quietly(store: FilesStore, lock: Lock, revision: int) -> None:
    # The write is done or undone; a plan that stays behind is recognised as such by the next holder.
    try:
        _settle(store, lock, revision)
    except OSError:
        pass


def _services_mtime_ns(store: FilesStore) -> int:
    try:
        return os.stat(os.path.join(store.location, SERVICES)).st_mtime_ns
    except OSError:
        return 0


def _check_none_lost(store: FilesStore, lock: Lock) -> None:
    # The folder's time tells whether anybody but mgov added or removed a file: only then all names are compared.
    if lock.read().get("services_mtime_ns") == _services_mtime_ns(store) or index.in_git(store.location):
        return
    lost, total = history.vanished(store.root)
    if index.is_alarming(lost, total):
        raise StoreError(
            f"{len(lost)} of {total} service files have vanished, {lost[0]} among them: nothing is written",
            hint="bring them back, or say that they are gone: mgov accept --all",
        )


class Batch:
    """What one commit changes: the files by place, the log lines, and the revision that each key ends with."""

    def __init__(self, store: FilesStore, last: int, operation: str, message: str) -> None:
        self._store, self._operation, self._message = store, operation, message
        self._at = store.clock.now()
        self._last = last
        self.first = last + 1
        self.files: list[FileChange] = []
        self.lines: list[tuple[Change, str]] = []
        self.revisions: dict[str, str] = {}

    def stage(self, writes: Sequence[Write]) -> None:
        """Work out every file's new bytes; raise Conflict or StoreDamaged before anything is touched."""
        by_place: dict[Place, list[Write]] = {}
        for write in writes:
            by_place.setdefault(place_of(write.key), []).append(write)
        for place, wanted in by_place.items():
            before = self._store.read_place(place)
            if place.is_toml:
                self._stage_definition(place, wanted[0], before)
            else:
                self._stage_entries(place, wanted, before)

    def plan(self) -> Plan:
        """The plan that `plan.prepare` and `plan.apply` carry out."""
        return Plan(self.files, self.lines)

    def _stage_definition(self, place: Place, write: Write, before: bytes | None) -> None:
        name = place.name.removesuffix(".toml")
        current = definitions.read(self._store.root, name, before) if before is not None else None
        revision = current.revision if current is not None else None
        check_expected(write, revision)
        newest = history.newest(self._store.root, place)
        self._rise_to(max(revision_order(revision or "0"), newest.revision if newest is not None else 0))
        if current is not None and "~" in current.revision:
            self._line(write.key, "adopt", etag(before), "hand edit")
            revision = str(self._last)
            self._keep(place, before, self._last)
        if write.value == (current.value if current is not None else None):
            self.revisions[write.key] = revision or ""
            return
        if write.value is None:
            self._change(place, before, None, [(write.key, "delete")])
            return
        base = before if current is not None else None
        number = self._last + 1
        after = definitions.to_bytes(write.value, number, base)
        self._change(place, before, after, [(write.key, "create" if current is None else "update")])

    def _stage_entries(self, place: Place, writes: list[Write], before: bytes | None) -> None:
        entries = unpack(before, place.path) if before is not None else {}
        self._rise_to(max((entry["revision"] for entry in entries.values()), default=0))
        actions: list[tuple[str, str]] = []
        number = self._last
        for write in writes:
            entry = entries.get(write.key)
            check_expected(write, str(entry["revision"]) if entry is not None else None)
            if write.value == (entry["value"] if entry is not None else None):
                self.revisions[write.key] = str(entry["revision"]) if entry is not None else ""
                continue
            number += 1
            if write.value is None:
                del entries[write.key]
                actions.append((write.key, "delete"))
            else:
                entries[write.key] = self._envelope(number, write.value)
                actions.append((write.key, "create" if entry is None else "update"))
        if actions:
            self._change(place, before, pack("instances", entries) if entries else None, actions)

    def _envelope(self, revision: int, value: Value) -> dict[str, Any]:
        about = {"revision": revision, "author": self._store.actor, "operation": self._operation, "at": self._at}
        return {**about, **({"message": self._message} if self._message else {}), "value": value}

    def _change(self, place: Place, before: bytes | None, after: bytes | None, actions: list[tuple[str, str]]) -> None:
        for key, action in actions:
            self._line(key, action, etag(after), self._operation)
            self.revisions[key] = "" if action == "delete" else str(self._last)
        self.files.append(FileChange(place, self._last, before, after))

    def _keep(self, place: Place, data: bytes | None, revision: int) -> None:
        self.files.append(FileChange(place, revision, data, data))

    def _line(self, key: str, action: str, mark: str, operation: str) -> None:
        self._last += 1
        change = Change(str(self._last), key, action, operation, self._store.actor, self._at, self._message)
        self.lines.append((change, mark))

    def _rise_to(self, revision: int) -> None:
        self._last = max(self._last, revision)


def check_expected(write: Write, revision: str | None) -> None:
    """Raise Conflict unless the key, now at `revision` (None: absent), is as the write expects it."""
    if write.expect is None or write.expect == (revision or ABSENT):
        return
    if revision is None:
        raise Conflict(f"{write.key} is gone; it was expected at revision {write.expect}")
    if write.expect == ABSENT:
        raise Conflict(f"{write.key} exists already, at revision {revision}", hint="without --create-only it is updated")
    raise Conflict(
        f"{write.key} is at revision {revision}, not {write.expect}: somebody changed it",
        hint="read it again, then repeat",
    )
