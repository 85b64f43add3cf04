"""Mending a store: what is damaged goes to `quarantine/`, what was kept takes its place, and the log says so.

Every step puts one file right by itself, through the same write routine as any other change: after a kill at any
point a second run completes the rest.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from mgov.errors import StoreDamaged, StoreError
from mgov.model.names import check_name
from mgov.store import definitions, history, policies, renumber, versions
from mgov.store.acceptance import accept
from mgov.store.base import Change
from mgov.store.codec import end_toml, etag, read_end, strip_end, unpack
from mgov.store.commit import carry_out, flush_log, recover
from mgov.store.folder import TEMP_SUFFIX, close, listing, open_folder, read_file, replace, write_temp
from mgov.store.inspection import Finding, check, state_folders
from mgov.store.layout import HISTORY, INSTANCES, INTENT_LOCK, POLICY, QUARANTINE, SERVICES, STATE, Place, place_of
from mgov.store.lock import Lock
from mgov.store.log import Log, parse_line
from mgov.store.plan import FileChange, Plan
from mgov.store.root import translate
from mgov.store.state import set_aside
from mgov.store.vanished import vanished

if TYPE_CHECKING:
    from mgov.store.files import FilesStore
    from mgov.store.root import Root

__all__ = ["Action", "Finding", "accept", "check", "repair"]


class Action(NamedTuple):
    """One thing that was mended: where (relative to the store), and what was done."""

    path: str
    done: str


def repair(store: FilesStore, *, renumber: bool = False) -> list[Action]:
    """Mend what `check` finds, all under the intent lock, and return what was done; raise StoreError where it fails.

    Two versions that branches gave one number are left as they are, unless `renumber` joins them.
    """
    store.refuse_foreign()
    with Lock(store.root, INTENT_LOCK, clock=store.clock, wait_s=store.lock_wait_s) as lock:
        try:
            return _Repair(store, lock, renumber=renumber).run()
        except OSError as error:
            raise translate(error, f"cannot repair {store.location}") from error


class _Repair:
    def __init__(self, store: FilesStore, lock: Lock, *, renumber: bool) -> None:
        self._renumber = renumber
        self._store, self._lock, self._root = store, lock, lock.root
        self._actions: list[Action] = []
        self._last = 0

    def run(self) -> list[Action]:
        self._mend_log()
        self._last = self._finish()
        for folder, suffix in ((SERVICES, ".toml"), (INSTANCES, ".json")):
            for name in self._files(folder, suffix):
                self._mend_intent(Place(folder, name))
        if history.last_good(self._root, place_of(POLICY)) is not None:
            self._mend_intent(place_of(POLICY))
        for folder, suffix in ((SERVICES, ".toml"), (INSTANCES, ".json")):
            for name in vanished(self._root, folder)[0]:
                self._bring_back(Place(folder, name + suffix), "the file had vanished")
        self._mend_versions()
        self._mend_state()
        self._drop_bad_copies()
        for folder in ("", SERVICES, INSTANCES, STATE, *state_folders(self._root), *versions.folders(self._root)):
            self._drop_temps(folder)
        return self._actions

    def _did(self, path: str, done: str) -> None:
        self._actions.append(Action(path, done))

    def _finish(self) -> int:
        """Settle what a dead writer left; where that cannot be done, its files stay as they are, each whole."""
        try:
            return recover(self._store, self._lock)
        except StoreDamaged:
            raise
        except StoreError:
            left = self._lock.read()
            plan = Plan.from_fields(left["plan"])
            # What is new in place happened, and the log must say so; the rest did not.
            present = {c.new for c in plan.rewrites if etag(read_file(self._root, *c.place)) == c.new}
            lines = [line for line in plan.lines if line[1] in present]
            if lines:
                Log(self._root).append(Plan([], lines).log_lines())
            self._lock.note({"revision": plan.last_revision})
            self._did("lock/intent", "an unfinished write was settled as far as it had come")
            return plan.last_revision

    def _files(self, folder: str, suffix: str) -> list[str]:
        parent = open_folder(self._root, folder, create=True)
        try:
            return sorted(n for n in os.listdir(parent) if n.endswith(suffix) and n[0] != ".")
        finally:
            close(parent)

    def _mend_intent(self, place: Place) -> None:
        problem = _damage(self._root, place)
        if not problem:
            return
        data = _bytes_of(self._root, place)
        if data is None or history.last_good(self._root, place) is None:
            self._bring_back(place, f"moved to {set_aside(self._root, place)} ({problem})")
        else:
            # Copied, not moved: readers hold on to the last good copy only while a file is there.
            aside = self._copy_aside(place.path.replace("/", "_"), data)
            self._bring_back(place, f"copied to {aside} ({problem})", data)

    def _bring_back(self, place: Place, why: str, before: bytes | None = None) -> None:
        """Put the last good copy in the place of a file that is damaged (`before`) or gone, and log each key in it."""
        good = history.last_good(self._root, place)
        if good is None:
            self._did(place.path, f"{why}; no good copy is kept")
            return
        last = self._last
        first = max(last, good[0].revision) + 1
        data = _renumbered(good[1], first) if place.is_toml else good[1]
        keys = _keys_in(place, data)
        message, now = f"copy of revision {good[0].revision}", self._store.clock.now()
        lines = [
            (Change(str(first + i), key, "update", "repair", self._store.actor, now, message, str(first)), etag(data))
            for i, key in enumerate(keys)
        ]
        self._last = first + len(keys) - 1
        change = FileChange(place, self._last, before, data, is_before_good=False)
        flush_log(self._store, carry_out(self._store, self._lock, Plan([change], lines), last))
        self._did(place.path, f"{why}; the copy of revision {good[0].revision} was put back")

    def _join_versions(self) -> None:
        split = [place for place in versions.places(self._root) if renumber.holds_two(self._root, place)]
        if not self._renumber:
            for place in split:
                self._did(place.path, f"left as it is, two branches each made it: {renumber.REMEDY}")
            return
        for folder in dict.fromkeys(place.folder for place in split):
            self._join(folder)

    def _join(self, folder: str) -> None:
        last = self._last
        places = [place for place in versions.places(self._root) if place.folder == folder]
        joined = renumber.joined(self._root, places, last, self._store.actor, self._store.clock.now())
        asides = [self._copy_aside(one.place.path.replace("/", "_"), one.data) for one in joined.splits]
        self._last = joined.plan.last_revision
        flush_log(self._store, carry_out(self._store, self._lock, joined.plan, last))
        for one, aside in zip(joined.splits, asides, strict=True):
            self._did(one.place.path, f"copied to {aside}; {joined.done}")

    def _mend_versions(self) -> None:
        self._join_versions()
        for place in versions.places(self._root):
            problem = _damage(self._root, place)
            if not problem or renumber.holds_two(self._root, place):
                continue
            data = _bytes_of(self._root, place)
            if data is None:
                self._did(place.path, f"moved to {set_aside(self._root, place)} ({problem})")
                continue
            aside = self._copy_aside(place.path.replace("/", "_"), data)
            last = self._last
            plan, done = versions.mended(self._root, place, data, last, self._store.actor, self._store.clock.now())
            self._last = plan.last_revision
            flush_log(self._store, carry_out(self._store, self._lock, plan, last))
            self._did(place.path, f"copied to {aside} ({problem}); {done}")

    def _mend_log(self) -> None:
        for name in Log(self._root).files():
            try:
                data = read_file(self._root, "", name) or b""
            except OSError as error:
                aside = set_aside(self._root, Place("", name))
                self._did(name, f"moved to {aside} ({translate(error, 'unreadable').message})")
                continue
            kept = _good_lines(data)
            if kept != data:
                self._rewrite_log(name, data, kept)

    def _rewrite_log(self, name: str, data: bytes, kept: bytes) -> None:
        torn = data[data.rfind(b"\n") + 1 :]
        aside = "" if data == kept + torn else self._copy_aside(name, data)
        parent = open_folder(self._root, "")
        try:
            write_temp(self._root, parent, name, kept, is_durable=True)
            replace(parent, name)
            os.fsync(parent)
        finally:
            close(parent)
        what = f"damaged lines were taken out, the file as it was is {aside}" if aside else "a torn last line was cut"
        self._did(name, what)

    def _copy_aside(self, name: str, data: bytes) -> str:
        parent = open_folder(self._root, QUARANTINE, create=True)
        try:
            aside = f"{name}.{etag(data)}"
            write_temp(self._root, parent, aside, data, is_durable=True)
            replace(parent, aside)
            return f"{QUARANTINE}/{aside}"
        finally:
            close(parent)

    def _mend_state(self) -> None:
        places = [Place(STATE, "sweep.json")]
        for folder in state_folders(self._root):
            names = sorted(listing(self._root, folder))
            places += [Place(folder, name) for name in names if name.endswith(".json") and name[0] != "."]
        for place in places:
            problem = _damage(self._root, place)
            if problem:
                self._did(place.path, f"moved to {set_aside(self._root, place)} ({problem}); the next sweep fills it")

    def _drop_bad_copies(self) -> None:
        for finding in check(self._store):
            folder, _, name = finding.path.rpartition("/")
            if folder.startswith(f"{HISTORY}/"):
                self._unlink(folder, name)
                self._did(finding.path, "a kept copy that is not whole was removed")

    def _drop_temps(self, folder: str) -> None:
        for name in sorted(listing(self._root, folder)):
            if name.startswith(".") and name.endswith(TEMP_SUFFIX):
                self._unlink(folder, name)
                self._did(f"{folder}/{name}".lstrip("/"), "the temp file of a dead writer was removed")

    def _unlink(self, folder: str, name: str) -> None:
        parent = open_folder(self._root, folder)
        try:
            os.unlink(name, dir_fd=parent)
        finally:
            close(parent)


def _keys_in(place: Place, data: bytes) -> list[str]:
    if place.is_policy:
        return [POLICY]
    return [f"service/{place.name[:-5]}"] if place.is_toml else sorted(unpack(data, place.path))


def _damage(root: Root, place: Place) -> str:
    """What is wrong with a file beyond use, '' for nothing; raise StoreNewer for a newer one, which stays."""
    try:
        data = read_file(root, place.folder, place.name)
        if data is None:
            return ""
        if place.is_version:
            versions.parse(versions.key_of(place), data)
        elif place.is_toml:
            name = place.name.removesuffix(".toml")
            check_name(name)
            definitions.read(root, name, data)
        elif place.is_policy:
            policies.parse(data, place.path)
        else:
            unpack(data, place.path)
    except StoreDamaged as error:
        return error.message
    except IsADirectoryError:
        return "a folder stood in its place"
    return ""


def _bytes_of(root: Root, place: Place) -> bytes | None:
    try:
        return read_file(root, *place)
    except IsADirectoryError:
        return None


def _good_lines(data: bytes) -> bytes:
    kept, floor = [], 0
    for line in data.splitlines(keepends=True):
        try:
            revision = int(parse_line(line)[0].revision) if line.endswith(b"\n") else 0
        except ValueError:
            continue
        if revision > floor:
            floor = revision
            kept.append(line)
    return b"".join(kept)


def _renumbered(data: bytes, revision: int) -> bytes:
    """A definition's bytes under a new revision; as they are where a person wrote them."""
    return end_toml(strip_end(data).decode(), revision) if read_end(data) is not None else data
