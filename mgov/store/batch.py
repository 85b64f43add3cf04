"""What one commit changes, worked out under the lock before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tomli_w  # noqa: F401  loaded here, before the lock is taken: everybody would wait for it

from mgov.errors import Conflict, StoreError, UsageError
from mgov.formats import toml
from mgov.store import definitions, history, policies, versions
from mgov.store.base import HAND_EDIT, Change, check_expected, revision_order
from mgov.store.codec import etag, pack, unpack
from mgov.store.folder import read_file
from mgov.store.layout import POLICY, place_of
from mgov.store.plan import FileChange, Plan
from mgov.store.root import translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.store.base import Value, Write
    from mgov.store.files import FilesStore
    from mgov.store.layout import Place
    from mgov.store.root import Root


class Batch:
    """What one commit changes: the files by place, the log lines, and the revision that each key ends with."""

    def __init__(self, store: FilesStore, root: Root, last: int, operation: str, message: str) -> None:
        self._root, self._actor = root, store.actor
        self._operation, self._message = operation, message
        self._at = store.clock.now()
        self._last = last
        self._commit = ""
        self.files: list[FileChange] = []
        self.lines: list[tuple[Change, str]] = []
        self.revisions: dict[str, str] = {}

    def adopt_policy(self, *, was_absent: bool) -> None:
        """Take in that people wrote, changed or removed policy.toml; what cannot be read as one is left alone.

        One without a past was made only if the last write found none (`was_absent`). Else it may be as old as the
        store, which came from git or was written by a mgov that took no policy in: to undo that must not remove it.
        """
        place = place_of(POLICY)
        newest = history.newest(self._root, place)
        try:
            data = self._read(place)
            if etag(data) == (newest.etag if newest is not None else history.GONE):
                return
            if data is not None:
                policies.parse(data, place.path)
        except StoreError:                      # who needs the policy is told; a registration does not
            return
        self._rise_to(newest.revision if newest is not None else 0)
        is_made = was_absent if newest is None else newest.etag == history.GONE
        action = "delete" if data is None else "create" if is_made else "adopt"
        self._line(POLICY, action, etag(data), HAND_EDIT)
        self._keep(place, data, self._last)

    def stage(self, writes: Sequence[Write]) -> None:
        """Work out every file's new bytes; raise Conflict or StoreDamaged before anything is touched."""
        by_place: dict[Place, list[Write]] = {}
        for write in writes:
            by_place.setdefault(place_of(write.key), []).append(write)
        for place, wanted in by_place.items():
            before = self._read(place)
            try:
                if place.is_version:
                    self._stage_version(place, wanted[0], before)
                elif place.is_toml:
                    self._stage_definition(place, wanted[0], before)
                elif place.is_policy:
                    self._stage_policy(place, wanted[0], before)
                else:
                    self._stage_entries(place, wanted, before)
            except (ValueError, TypeError, RecursionError) as error:
                raise UsageError(f"{wanted[0].key} cannot be stored: {error}") from None

    def plan(self) -> Plan:
        """The plan that `plan.prepare` and `plan.apply` carry out."""
        return Plan(self.files, self.lines)

    def _read(self, place: Place) -> bytes | None:
        try:
            return read_file(self._root, place.folder, place.name)
        except OSError as error:
            raise translate(error, f"cannot read {self._root.path}/{place.path}") from error

    def _stage_definition(self, place: Place, write: Write, before: bytes | None) -> None:
        name = place.name.removesuffix(".toml")
        current = definitions.read(self._root, name, before) if before is not None else None
        revision = current.revision if current is not None else None
        check_expected(write, revision)
        newest = history.newest(self._root, place)
        self._rise_to(max(revision_order(revision or "0"), newest.revision if newest is not None else 0))
        if current is not None and "~" in current.revision:
            self._line(write.key, "adopt", etag(before), HAND_EDIT)
            revision = str(self._last)
            self._keep(place, before, self._last)
        value: Value | None = definitions.normal(name, write.value) if write.value is not None else None
        if value == (current.value if current is not None else None):
            self.revisions[write.key] = revision or ""
            return
        if value is None:
            self._change(place, before, None, [(write.key, "delete")])
            return
        number = self._last + 1
        shape = before if before is not None else definitions.text_of(self._root, name, value)
        after = definitions.to_bytes(value, number, shape, current.value if current is not None else None)
        self._change(place, before, after, [(write.key, "create" if current is None else "update")])

    def _stage_policy(self, place: Place, write: Write, before: bytes | None) -> None:
        current = policies.read(self._root, before, place.path) if before is not None else None
        check_expected(write, current.revision if current is not None else None)
        self._rise_to(revision_order(current.revision) if current is not None else 0)
        if write.value == (current.value if current is not None else None):
            self.revisions[write.key] = current.revision if current is not None else ""
            return
        after = policies.to_bytes(self._root, write.value) if write.value is not None else None
        action = "delete" if after is None else "create" if before is None else "update"
        self._change(place, before, after, [(write.key, action)])

    def _stage_version(self, place: Place, write: Write, before: bytes | None) -> None:
        current = versions.parse(write.key, before) if before is not None else None
        check_expected(write, current.revision if current is not None else None)
        self._rise_to(revision_order(current.revision) if current is not None else 0)
        if write.value == (current.value if current is not None else None):
            self.revisions[write.key] = current.revision if current is not None else ""
        elif write.value is None:
            self._change(place, before, None, [(write.key, "delete")])
        elif current is not None:
            raise Conflict(f"{write.key} exists already, and a version is written once", hint="publish a new one")
        else:
            after = versions.to_bytes(write.key, toml.without_none(write.value), self._last + 1)
            self._change(place, None, after, [(write.key, "create")])

    def _stage_entries(self, place: Place, writes: list[Write], before: bytes | None) -> None:
        entries = unpack(before, place.path) if before is not None else {}
        for known in entries.values():
            self._rise_to(known["revision"])
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
        about = {"revision": revision, "author": self._actor, "operation": self._operation, "at": self._at}
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
        revision = str(self._last)
        if operation == HAND_EDIT:              # it was there before, and is nobody's part of this commit
            change = Change(revision, key, action, operation, self._actor, self._at, commit=revision)
        else:
            self._commit = self._commit or revision
            change = Change(revision, key, action, operation, self._actor, self._at, self._message, self._commit)
        self.lines.append((change, mark))

    def _rise_to(self, revision: int) -> None:
        self._last = max(self._last, revision)
