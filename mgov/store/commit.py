"""The write routine of intent: what people and machines declared, and must find again after a power cut.

Promised, once `commit` returns: every changed file is on the disk whole, its folder entry too, and the change log has
its line. Promised at any moment, whoever dies: each file is old or new, and the next writer of any key finishes or
undoes what a dead one began. Not promised: that a reader sees a batch of several files at one instant.

In order: hold back signals; lock; finish or undo a dead holder's plan; adopt hand edits; check every expectation;
write the plan into the lock file; keep the old copies and write the new ones; write and flush each temp file; look
once more whether anybody edited; rename each; flush each folder once; name the new copies; append the log lines; clear
the plan; unlock; flush the log, and only then report success. The plan guards against a death, not against a power
cut, so it may go before the last flush; and without the lock, the flushes of several writers become one.

A flush that failed is never tried again: the temp file is dropped. An error before the first rename means that nothing
changed (8); a later one is undone if it can be, else it is "outcome unknown" (75) and the plan stays for the next
writer.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mgov.errors import Conflict, InternalError, OutcomeUnknown, StoreError
from mgov.store.base import INTENT_FAMILIES
from mgov.store.batch import Batch
from mgov.store.codec import etag
from mgov.store.folder import read_file
from mgov.store.history import GONE
from mgov.store.layout import INTENT_LOCK, POLICY, SERVICES, place_of
from mgov.store.lock import Lock
from mgov.store.log import Log, flush
from mgov.store.plan import Plan, can_finish, changed_by_others, prepare, put, settle, undo
from mgov.store.root import translate
from mgov.store.vanished import in_git, is_alarming, vanished

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.store.base import Write
    from mgov.store.files import FilesStore

REPAIR_HINT = "mgov store repair"


def commit(store: FilesStore, writes: Sequence[Write], *, operation: str, message: str) -> list[str]:
    """Apply intent writes, all or none, and return each key's revision ('' for a deleted one)."""
    if any(write.key.partition("/")[0] not in INTENT_FAMILIES for write in writes):
        raise InternalError("a batch holds both intent and state")
    if len({write.key for write in writes}) != len(writes):
        raise InternalError("a batch writes one key twice")
    store.refuse_foreign()
    with Lock(store.root, INTENT_LOCK, clock=store.clock, wait_s=store.lock_wait_s) as lock:
        try:
            last = recover(store, lock)
            batch = Batch(store, lock.root, last, operation, message)
            _check_none_lost(store, lock)
            batch.adopt_policy(was_absent=_policy_before(lock) == GONE)
            batch.stage(writes)
        except OSError as error:
            raise translate(error, f"cannot write to {store.location}") from error
        except MemoryError:
            raise _out_of_memory(store) from None
        added = carry_out(store, lock, batch.plan(), last) if batch.lines else -1
    if added >= 0:
        flush_log(store, added)
    return [batch.revisions[write.key] for write in writes]


def recover(store: FilesStore, lock: Lock) -> int:
    """Finish or undo what a dead holder planned; return the last revision ever given. Only under the lock."""
    log = Log(lock.root)
    left = lock.read()
    logged = log.mend()
    last = max(logged, int(left.get("revision", 0)))
    if "plan" not in left:
        return last
    plan = Plan.from_fields(left["plan"])
    last = max(last, plan.last_revision)
    # Log lines come last: one that is there says that every file was in place and flushed.
    is_applied = logged >= plan.first_revision
    if logged >= plan.last_revision:
        pass
    elif is_applied or can_finish(lock.root, plan):
        if not is_applied:
            put(lock.root, plan)
        settle(lock.root, plan)
        log.append(plan.log_lines(after=logged))
        store.warn("a write that another process left unfinished was completed")
    elif undo(lock.root, plan):
        store.warn("a write that another process left unfinished was undone")
    else:
        raise StoreError(
            f"a write to {store.location} was left unfinished and can be neither completed nor undone",
            hint=REPAIR_HINT,
        )
    lock.note({"revision": last, "policy": left.get("policy", "")})
    return last


def carry_out(store: FilesStore, lock: Lock, plan: Plan, last: int) -> int:
    """Do what `plan` says, after revision `last`; raise StoreError, Conflict or OutcomeUnknown.

    Return what `flush_log` needs: the log lines are written, and not yet flushed.
    """
    what = f"cannot write to {store.location}"
    try:
        lock.note({"plan": plan.to_fields(), "revision": last, "policy": _policy_before(lock)})
        prepare(lock.root, plan)
        _check_unchanged(store, lock, plan)
    except BaseException as error:
        if undo(lock.root, plan):
            _note_settled(store, lock, last, policy=_policy_before(lock))
        if isinstance(error, OSError):
            raise translate(error, what) from error
        if isinstance(error, MemoryError):
            raise _out_of_memory(store) from None
        raise
    try:
        put(lock.root, plan)
    except OSError as error:
        raise _undone_or_unknown(store, lock, plan, error) from error
    try:
        settle(lock.root, plan)
    except OSError as error:
        raise _unknown(store, error) from error
    added = _append(store, lock, plan)
    _note_settled(store, lock, plan.last_revision, policy=_policy_now(lock))
    return added


def flush_log(store: FilesStore, added: int) -> None:
    """Put the log lines that `carry_out` wrote on the disk; raise OutcomeUnknown."""
    try:
        flush(added)
    except OSError as error:
        raise _unknown(store, error) from error


def _append(store: FilesStore, lock: Lock, plan: Plan) -> int:
    log = Log(lock.root)
    size_before = log.size()
    try:
        return log.add(plan.log_lines())
    except OSError as error:
        if log.size() != size_before:
            raise _unknown(store, error) from error
        raise _undone_or_unknown(store, lock, plan, error) from error


def _undone_or_unknown(store: FilesStore, lock: Lock, plan: Plan, error: OSError) -> StoreError | OutcomeUnknown:
    if not undo(lock.root, plan):
        return _unknown(store, error)
    # A reader may have seen the revisions that were taken back: they are not given again.
    _note_settled(store, lock, plan.last_revision, policy=_policy_before(lock))
    return translate(error, f"cannot write to {store.location}")


def _unknown(store: FilesStore, error: OSError) -> OutcomeUnknown:
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    return OutcomeUnknown(
        f"the write to {store.location} may or may not last: {reason}", hint="look, then repeat the command"
    )


def _out_of_memory(store: FilesStore) -> StoreError:
    return StoreError(f"cannot write to {store.location}: not enough memory", hint="nothing was changed")


def _check_unchanged(store: FilesStore, lock: Lock, plan: Plan) -> None:
    # Editors take no lock, and a lock file can be deleted: look once more before anything is replaced.
    if not lock.is_in_place():
        raise StoreError(f"the lock file of {store.location} was taken away", hint="repeat the command")
    if changed := changed_by_others(lock.root, plan):
        raise Conflict(f"{changed[0]} was edited at this moment", hint="repeat the command")


def _note_settled(store: FilesStore, lock: Lock, revision: int, *, policy: str) -> None:
    # The write is done or undone; a plan that stays behind is recognised as such by the next holder.
    try:
        lock.note({"revision": revision, "services_mtime_ns": _services_mtime_ns(store), "policy": policy})
    except OSError:
        pass


def _policy_before(lock: Lock) -> str:
    """What the last write that was not taken back left of policy.toml: its etag, '' where that is not known."""
    return str(lock.read().get("policy", ""))


def _policy_now(lock: Lock) -> str:
    try:
        return etag(read_file(lock.root, *place_of(POLICY)))
    except OSError:
        return ""


def _services_mtime_ns(store: FilesStore) -> int:
    try:
        return os.stat(os.path.join(store.location, SERVICES)).st_mtime_ns
    except OSError:
        return 0


def _check_none_lost(store: FilesStore, lock: Lock) -> None:
    # The folder's time tells whether anybody but mgov added or removed a file: only then all names are compared.
    if lock.read().get("services_mtime_ns") == _services_mtime_ns(store) or in_git(store.location):
        return
    lost, total = vanished(lock.root)
    if is_alarming(lost, total):
        raise StoreError(
            f"{len(lost)} of {total} service files have vanished, {lost[0]} among them: nothing is written",
            hint="bring them back, or say that they are gone: mgov accept --all",
        )
