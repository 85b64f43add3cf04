"""The 1st, 2nd ... Nth call to the operating system of every writing operation fails, with each kind of fault.

Whatever fails, the store holds the old value or the new one, the error's class tells which, the lock is free, the
next write works, and no temp file stays. Rows 8, 9, 10, 11, 13 and 98 of the fault table.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults import FAULTS, SHORT_WRITE, faulty
from storekit import STORE_ID, make, open_files, put, temps_below

from mgov.errors import MgovError, OutcomeUnknown, StoreError
from mgov.model.setting import checksum
from mgov.store.base import ABSENT, Write
from mgov.store.create import create
from mgov.store.files import FilesStore
from mgov.store.repair import check

Operation = Callable[[FilesStore], Any]
VERSION = "config/old/prod/000002"
KEYS = (
    VERSION, "config/old/prod/000001", "service/old", "service/new", "instance/old/one", "instance/new/one",
    "health/old", "heartbeat/old/one", "policy",
)  # fmt: skip


def version(number: int) -> dict[str, Any]:
    """A version of a configuration as it is stored."""
    head = {"number": number, "author": "tester", "at": "2027-01-15T08:00:00.000Z", "operation": "set"}
    return {"version": {**head, "checksum": checksum({"n": number})}, "values": {"n": number}}


OPERATIONS: dict[str, Operation] = {
    "create": lambda store: put(store, "service/new", name="new"),
    "update": lambda store: put(store, "service/old", name="old", title="changed"),
    "delete": lambda store: store.write(Write("service/old", None), operation="test"),
    "instance": lambda store: put(store, "instance/old/one", host="changed"),
    "batch": lambda store: store.write_many(
        [Write("service/new", {"name": "new"}), Write("instance/new/one", {"host": "h"}),
         Write("service/old", None), Write("instance/old/one", {"host": "changed"})],
        operation="test",
    ),
    "version": lambda store: store.write(Write(VERSION, version(2), ABSENT), operation="test"),
    "gc": lambda store: store.write(Write("config/old/prod/000001", None), operation="test"),
    "policy": lambda store: put(store, "policy", audit={"max_domains": 4}),
    "health": lambda store: put(store, "health/old", status="changed"),
    "heartbeat": lambda store: put(store, "heartbeat/old/one", at=2.0),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds one of each; copied for every run."""
    place = make(tmp_path_factory.mktemp("template") / "store")
    store = open_files(place)
    put(store, "service/old", name="old", title="first")
    put(store, "instance/old/one", host="first")
    put(store, "policy", audit={"max_domains": 2})
    store.write(Write("config/old/prod/000001", version(1)), operation="test")
    put(store, "health/old", status="first")
    return place


def values(place: Path) -> dict[str, Any]:
    store = open_files(place)
    return {key: document.value for key in KEYS if (document := store.read(key)) is not None}


def judge(place: Path, before: dict[str, Any], after: dict[str, Any], error: MgovError | None, where: str) -> None:
    """What must hold after a write that ended with `error`, by its class."""
    found = values(place)
    if error is None:
        assert found == after, where
    elif isinstance(error, OutcomeUnknown):
        # A reader never sees a mix within one file; which files of a batch are new is open until the next write.
        assert all(found.get(key) in (before.get(key), after.get(key)) for key in KEYS), where
    else:
        assert isinstance(error, StoreError), where
        assert found == before, where
    store = open_files(place, lock_wait_s=0)
    put(store, "service/next", name="next")
    put(store, "health/next", status="healthy")
    put(store, "heartbeat/old/one", at=9.0)
    settled = {key: value for key, value in values(place).items() if key != "heartbeat/old/one"}
    allowed = [{k: v for k, v in state.items() if k != "heartbeat/old/one"} for state in (before, after)]
    assert settled in allowed, where
    put(store, "health/old", status="later")
    assert temps_below(place) == [], where
    assert [finding for finding in check(store) if not finding.is_note] == [], where
    assert "hand edit" not in (place / "changes.jsonl").read_text(), where


def run_one(place: Path, operation: Operation, at: int, fault: str) -> tuple[bool, MgovError | None]:
    store = open_files(place)
    error: MgovError | None = None
    with faulty(at, fault) as state:
        try:
            operation(store)
        except MgovError as caught:
            error = caught
    return state.was_hit, error


def loop(template: Path, tmp_path: Path, name: str, fault: str) -> int:
    """Run the operation with its 1st, 2nd ... last call failing; return how many runs that were."""
    before = values(template)
    place = tmp_path / "store"
    shutil.copytree(template, place)
    OPERATIONS[name](open_files(place))
    after = values(place)
    at, was_hit = 0, True
    while was_hit:
        at += 1
        shutil.rmtree(place)
        shutil.copytree(template, place)
        was_hit, error = run_one(place, OPERATIONS[name], at, fault)
        judge(place, before, after, error, f"{name}: call {at} failed with {fault}: {error}")
    return at


@pytest.mark.parametrize("name", ["update", "health", "version"])
def test_whatever_call_fails_the_old_or_the_new_value_is_there(template: Path, tmp_path: Path, name: str) -> None:
    """The short form of the loop: one fault, three operations."""
    assert loop(template, tmp_path, name, "ENOSPC") > 20


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*FAULTS, SHORT_WRITE])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_call_of_every_operation_may_fail_with_every_fault(
    template: Path, tmp_path: Path, name: str, fault: str
) -> None:
    assert loop(template, tmp_path, name, fault) > 20


@pytest.mark.parametrize(
    "fault", ["ENOSPC", *(pytest.param(f, marks=pytest.mark.slow) for f in (*FAULTS, SHORT_WRITE) if f != "ENOSPC")]
)
def test_init_that_fails_at_any_call_works_when_repeated(tmp_path: Path, fault: str) -> None:
    place = tmp_path / "store"
    at, was_hit = 0, True
    while was_hit:
        at += 1
        with faulty(at, fault) as state:
            try:
                create(str(place), is_shared=False, random_bytes=lambda count: STORE_ID[:count])
            except StoreError:
                pass
        was_hit = state.was_hit
        root, _ = create(str(place), is_shared=False, random_bytes=lambda count: STORE_ID[:count])
        assert root.id == STORE_ID.hex()
        put(open_files(place), "service/next", name="next")
        assert temps_below(place) == [], f"call {at}: {fault}"
        shutil.rmtree(place)
    assert at > 20


@pytest.mark.parametrize(("fault", "words"), [("ENOSPC", "no space left"), ("EDQUOT", "quota"), ("EROFS", "read-only"),
                                              ("EACCES", "permission denied")])
def test_the_error_names_the_cause(template: Path, tmp_path: Path, fault: str, words: str) -> None:
    """Rows 8, 10 and 13: and reads still work."""
    place = tmp_path / "store"
    shutil.copytree(template, place)
    with faulty(1, fault, calls=("fsync",)), pytest.raises(StoreError, match=words) as caught:
        OPERATIONS["update"](open_files(place))
    assert caught.value.exit_status == 8
    assert values(place)["service/old"]["title"] == "first"


def test_a_failed_flush_of_the_file_is_not_tried_again(template: Path, tmp_path: Path) -> None:
    """Row 11: the temp file is dropped, the old value stays."""
    place = tmp_path / "store"
    shutil.copytree(template, place)
    with faulty(1, "EIO", calls=("fsync",)) as state, pytest.raises(StoreError):
        OPERATIONS["update"](open_files(place))
    assert state.seen == ["fsync"]
    assert temps_below(place) == []


def test_a_failed_flush_after_the_rename_is_outcome_unknown(template: Path, tmp_path: Path) -> None:
    """Row 11: the second flush is the folder's, and by then readers may have seen the new value."""
    place = tmp_path / "store"
    shutil.copytree(template, place)
    with faulty(2, "EIO", calls=("fsync",)), pytest.raises(OutcomeUnknown) as caught:
        OPERATIONS["update"](open_files(place))
    assert caught.value.exit_status == 75
    put(open_files(place), "service/next", name="next")
    assert values(place)["service/old"]["title"] == "changed"


def test_a_log_that_cannot_be_written_takes_the_change_back(template: Path, tmp_path: Path) -> None:
    """Row 9: half a line is cut off, the old value is back, and its revision is not given again."""
    place = tmp_path / "store"
    shutil.copytree(template, place)
    log = (place / "changes.jsonl").read_bytes()
    store = open_files(place)
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if b'"action"' in bytes(data):
            if full.hits:  # type: ignore[attr-defined]
                raise OSError(28, os.strerror(28))
            full.hits += 1  # type: ignore[attr-defined]
            return real(descriptor, bytes(data)[:10])
        return real(descriptor, data)

    full.hits = 0  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StoreError, match="no space left"):
            OPERATIONS["update"](store)
    assert (place / "changes.jsonl").read_bytes() == log
    assert values(place)["service/old"]["title"] == "first"
    assert put(store, "service/old", name="old", title="again") == "6"


@pytest.mark.parametrize("call", ["close", "unlink", "flock"])
def test_a_call_that_fails_while_an_error_is_handled_leaves_the_lock_free(
    template: Path, tmp_path: Path, call: str
) -> None:
    """Row 98."""
    place = tmp_path / "store"
    shutil.copytree(template, place)
    real_fsync = os.fsync

    def fail_twice(descriptor: int) -> None:
        os.fsync = real_fsync  # type: ignore[assignment]
        state_open.__enter__()
        raise OSError(5, os.strerror(5))

    state_open = faulty(1, "EIO", calls=(call,))
    try:
        os.fsync = fail_twice  # type: ignore[assignment]
        with pytest.raises(MgovError):
            OPERATIONS["update"](open_files(place))
    finally:
        state_open.__exit__(None, None, None)
        os.fsync = real_fsync
    put(open_files(place, lock_wait_s=0), "service/old", name="old", title="again")
    assert temps_below(place) == []
