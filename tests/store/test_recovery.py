"""What the next writer of any key does about one that died at any step. Rows 2, 3 and 34 of the fault table."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from faults import dies_at
from storekit import make, open_files, put, temps_below

import mgov.store.commit
from mgov.errors import StoreNewer
from mgov.store.base import Write
from mgov.store.codec import encode_json, seal
from mgov.store.lock import HOLDER_BYTES
from mgov.store.log import Log
from mgov.store.repair import check

BATCH = [Write("service/a", {"name": "a", "title": "new"}), Write("service/b", {"name": "b"}),
         Write("instance/a/one", {"host": "new"}), Write("service/gone", None)]
KEYS = ("service/a", "service/b", "instance/a/one", "service/gone")


def filled(path: Path) -> Path:
    store = open_files(make(path))
    put(store, "service/a", name="a", title="old")
    put(store, "instance/a/one", host="old")
    put(store, "service/gone", name="gone")
    return path


def values(place: Path) -> dict[str, Any]:
    store = open_files(place)
    return {key: document.value for key in KEYS if (document := store.read(key)) is not None}


def die_at(place: Path, call: int, batch: Sequence[Write] = BATCH) -> bool:
    """Let a child that writes `batch` die at its Nth call; False when it finished before."""
    return dies_at(call, lambda: open_files(place).write_many(batch, operation="batch"))


def judge(place: Path, before: dict[str, Any], after: dict[str, Any], where: str) -> None:
    found = values(place)
    assert all(found.get(key) in (before.get(key), after.get(key)) for key in KEYS), where
    store = open_files(place)
    put(store, "service/next", name="next")
    found = values(place)
    assert found in (before, after), where
    batch = [change for change in store.changes() if change.operation == "batch"]
    assert len(batch) == (4 if found == after else 0), where
    orders = [int(change.revision) for change in store.changes()]
    assert orders == sorted(set(orders)), where
    assert "adopt" not in {change.action for change in store.changes()}, where
    assert temps_below(place) == [], where
    assert [finding for finding in check(store) if not finding.is_note] == [], where


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 13])
def test_a_batch_killed_at_any_call_is_finished_or_undone_by_the_next_writer(tmp_path: Path, step: int) -> None:
    """Rows 2 and 3: a write to some other key settles it; no hand edit is booked, no line is doubled."""
    template = filled(tmp_path / "template")
    whole = tmp_path / "whole"
    shutil.copytree(template, whole)
    open_files(whole).write_many(BATCH, operation="batch")
    before, after = values(template), values(whole)
    call, has_died, finished = 0, True, 0
    while has_died:
        call += step
        place = tmp_path / "store"
        shutil.copytree(template, place)
        has_died = die_at(place, call)
        judge(place, before, after, f"died at call {call}")
        finished += has_died and values(place) == after
        shutil.rmtree(place)
    assert call > 100
    assert finished > 0


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_a_removal_killed_at_any_call_leaves_nothing_that_looks_as_if_it_had_vanished(
    tmp_path: Path, step: int
) -> None:
    """Row 2, of a file that goes: finished or undone, its copies say what became of it."""
    template = filled(tmp_path / "template")
    call, has_died = 0, True
    while has_died:
        call += step
        place = tmp_path / "store"
        shutil.copytree(template, place)
        has_died = die_at(place, call, [Write("service/gone", None)])
        store = open_files(place)
        put(store, "service/next", name="next")
        removals = [change for change in store.changes() if change.action == "delete"]
        assert len(removals) == (store.read("service/gone") is None), f"died at call {call}"
        assert [finding for finding in check(store) if not finding.is_note] == [], f"died at call {call}"
        shutil.rmtree(place)
    assert call > 20


SAME = [Write("service/a", {"name": "a", "title": "old"})]
UNDO = [Write("policy", None)]
EDITS = [(SAME, "made", ["create"]), (SAME, "removed", ["create", "delete"]), (BATCH, "made", ["create"]),
         (UNDO, "", ["create", "delete"])]


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 7])
@pytest.mark.parametrize(("batch", "edit", "booked"), EDITS)
def test_an_edit_of_the_policy_is_booked_once_wherever_its_writer_dies(
    tmp_path: Path, step: int, batch: Sequence[Write], edit: str, booked: list[str]
) -> None:
    """Row 2, of a file that only people change: by the next write it is in the log with its copy, and there once."""
    template = filled(tmp_path / "template")
    policy = "[audit]\nmax_domains = 2\n"
    if edit != "made":
        (template / "policy.toml").write_text(policy)
        put(open_files(template), "service/b", name="b")
    if edit == "made":
        (template / "policy.toml").write_text(policy)
    elif edit == "removed":
        (template / "policy.toml").unlink()
    call, has_died = 0, True
    while has_died:
        call += step
        place = tmp_path / "store"
        shutil.copytree(template, place)
        has_died = die_at(place, call, batch)
        store = open_files(place)
        put(store, "service/next", name="next")
        actions = [change.action for change in store.changes() if change.key == "policy"]
        assert actions == booked or (batch is UNDO and actions == booked[:1]), f"died at call {call}"
        assert (place / "policy.toml").exists() == (actions[-1] != "delete")
        assert [finding for finding in check(store) if not finding.is_note] == [], f"died at call {call}"
        shutil.rmtree(place)
    assert call > 20


def dead_after_rename(place: Path) -> None:
    """A writer of service/a that dies between the rename and the log line."""
    child = os.fork()
    if child == 0:
        Log.add = lambda *_: os._exit(9)  # type: ignore[method-assign, assignment]
        put(open_files(place), "service/a", name="a", title="new")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_a_write_killed_before_its_log_line_gets_one(tmp_path: Path) -> None:
    """Row 2."""
    place = filled(tmp_path / "store")
    dead_after_rename(place)
    store = open_files(place)
    put(store, "service/next", name="next")
    assert [(c.key, c.action) for c in store.changes()][-2:] == [("service/a", "update"), ("service/next", "create")]
    assert store.warnings == ["a write that another process left unfinished was completed"]  # type: ignore[attr-defined]


def test_a_store_without_the_plan_in_its_lock_file_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant of row 2: without the marker the log never hears of the dead writer's change."""
    place = filled(tmp_path / "store")
    real = mgov.store.commit.Lock.note
    monkeypatch.setattr(mgov.store.commit.Lock, "note", lambda lock, fields: real(
        lock, {name: value for name, value in fields.items() if name != "plan"}))
    dead_after_rename(place)
    store = open_files(place)
    put(store, "service/next", name="next")
    with pytest.raises(AssertionError):
        assert ("service/a", "update") in [(change.key, change.action) for change in store.changes()]


@pytest.mark.parametrize("kept", [1, 40, 120])
def test_half_a_log_line_of_a_dead_writer_is_cut_off(tmp_path: Path, kept: int) -> None:
    """Row 3: readers stop before it, the next writer removes it, nothing acknowledged is lost."""
    place = filled(tmp_path / "store")
    store = open_files(place)
    changes = list(store.changes())
    log = place / "changes.jsonl"
    line = log.read_bytes().splitlines(keepends=True)[0]
    log.write_bytes(log.read_bytes() + line[:kept])
    assert list(store.changes()) == changes
    put(store, "service/next", name="next")
    assert [change.key for change in store.changes()] == [*[change.key for change in changes], "service/next"]
    assert store.warnings == []  # type: ignore[attr-defined]


def test_a_torn_line_longer_than_one_look_at_the_end_is_cut_off(tmp_path: Path) -> None:
    place = filled(tmp_path / "store")
    log = place / "changes.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"crc32":"' + b"x" * 200_000)
    put(open_files(place), "service/next", name="next")
    assert log.read_bytes().startswith(whole + b'{"crc32":"')
    assert log.read_bytes().count(b"x" * 100) == 0


def test_a_person_who_edits_after_a_crash_does_not_lose_what_was_acknowledged(tmp_path: Path) -> None:
    """A plan that stayed behind a finished write (the lock file could not be written) is not undone."""
    place = filled(tmp_path / "store")
    lock = place / "lock" / "intent"
    planned: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mgov.store.commit, "_note_settled", lambda *_, **__: planned.append(lock.read_bytes()))
        open_files(place).write_many(BATCH, operation="batch")
    assert b'"plan"' in planned[0]
    definition = place / "services" / "a.toml"
    definition.write_text('title = "by hand"\n')
    store = open_files(place)
    put(store, "service/next", name="next")
    assert values(place) == {"service/a": {"name": "a", "title": "by hand"}, "service/b": {"name": "b"},
                             "instance/a/one": {"host": "new"}}


def test_a_revision_that_readers_may_have_seen_is_not_given_again(tmp_path: Path) -> None:
    """Row 34: undone or not, the next revision of a key is higher than any that was visible."""
    place = filled(tmp_path / "store")
    store = open_files(place)
    seen: list[str] = []

    def fail(_: Log, lines: bytes) -> None:
        seen.append(open_files(place).read("service/a").revision)  # type: ignore[union-attr]
        raise OSError(28, os.strerror(28))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Log, "add", fail)
        with pytest.raises(mgov.store.commit.StoreError):
            put(store, "service/a", name="a", title="taken back")
    assert int(put(store, "service/a", name="a", title="next")) > int(seen[0])


def test_the_plan_of_a_newer_mgov_is_left_alone(tmp_path: Path) -> None:
    """Row 95: an older mgov refuses to write rather than guess, and says so."""
    place = filled(tmp_path / "store")
    lock = place / "lock" / "intent"
    note = seal(encode_json({"format": 2, "plan": {"unheard": "of"}})[1:-1])
    lock.write_bytes(lock.read_bytes()[:HOLDER_BYTES] + note)
    with pytest.raises(StoreNewer, match="format 2"):
        put(open_files(place), "service/next", name="next")
    assert lock.read_bytes()[HOLDER_BYTES:] == note
    assert values(place)["service/a"]["title"] == "old"


def test_the_change_feed_says_when_it_no_longer_reaches_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full logs rotate; what is dropped is refused as compacted, what is kept is read across the files."""
    from mgov.errors import Compacted

    monkeypatch.setattr("mgov.store.log.ROTATE_BYTES", 1000)
    store = open_files(make(tmp_path / "store"))
    for number in range(60):
        put(store, "service/a", name="a", title=str(number))
    kept = [int(change.revision) for change in store.changes()]
    assert kept == list(range(kept[0], 61))
    assert 10 < len(kept) < 50
    assert [int(c.revision) for c in store.changes(after=str(kept[0] - 1))] == kept
    assert [int(c.revision) for c in store.changes(after=str(kept[0]))] == kept[1:]
    assert [int(c.revision) for c in store.changes_back()] == kept[::-1]
    with pytest.raises(Compacted, match="no longer kept"):
        list(store.changes(after=str(kept[0] - 2)))
    with pytest.raises(Compacted):
        list(store.changes(after="0"))
    assert store.last_revision() == "60"
