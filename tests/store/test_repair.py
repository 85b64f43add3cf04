"""What `store check` finds, `store repair` mends, also when it is killed on the way. Rows 4, 18, 21 and 22."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from faults import dies_at
from storekit import make, open_files, put, temps_below

from mgov.errors import StoreError
from mgov.store.files import FilesStore
from mgov.store.plan import Plan
from mgov.store.repair import check, repair

WANTED = {
    "service/orders": {"name": "orders", "title": "good"},
    "service/users": {"name": "users", "title": "good"},
    "service/lost": {"name": "lost"},
    "instance/orders/one": {"host": "good"},
    "instance/lost/one": {"host": "good"},
}


def damaged(path: Path) -> Path:
    """A store with one damage of each kind."""
    store = open_files(make(path))
    for key, value in WANTED.items():
        store.write(mgov_write(key, value), operation="test")
    put(store, "health/orders", status="healthy")
    put(store, "health/users", status="healthy")
    flip(path / "instances" / "orders.json")
    flip(path / "state" / "health" / "orders.json")
    (path / "services" / "orders.toml").write_text("title = ")
    (path / "services" / "users.toml").write_bytes((path / "services" / "users.toml").read_bytes()[:12])
    (path / "services" / "lost.toml").unlink()
    (path / "instances" / "lost.json").unlink()
    (path / "services" / ".gone.toml.tmp").write_text("half")
    (path / "state" / "health" / ".users.json.tmp").write_text("half")
    log = path / "changes.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0] + b"rubbish\n" + b"".join(lines[1:]) + b'{"crc32":"tor')
    return path


def mgov_write(key: str, value: dict[str, Any]) -> Any:
    from mgov.store.base import Write

    return Write(key, value)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 4
    path.write_bytes(data)


def values(store: FilesStore) -> dict[str, Any]:
    return {key: document.value for key in WANTED if (document := store.read(key)) is not None}


def test_check_names_each_damage_once_with_a_remedy_and_changes_nothing(tmp_path: Path) -> None:
    place = damaged(tmp_path / "store")
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    findings = check(open_files(place))
    assert [finding.path for finding in findings] == sorted([
        "changes.jsonl:2", "changes.jsonl:7", "instances/lost.json", "instances/orders.json", "services/lost.toml",
        "services/orders.toml", "services/users.toml", "services/.gone.toml.tmp", "state/health/orders.json",
        "state/health/.users.json.tmp"])
    assert all(finding.problem and "mgov" in finding.remedy for finding in findings)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_a_sound_store_has_nothing_to_find_or_mend(store: FilesStore) -> None:
    put(store, "service/orders", name="orders")
    put(store, "instance/orders/one", host="h")
    put(store, "heartbeat/orders/one", at=1.0)
    put(store, "sweep", at=1.0)
    put(store, "pick/orders", last="one")
    assert check(store) == []
    assert repair(store) == []


def judge(place: Path) -> None:
    store = open_files(place)
    assert values(store) == WANTED
    assert check(store) == []
    assert temps_below(place) == []
    assert store.warnings == []  # type: ignore[attr-defined]
    orders = [int(change.revision) for change in store.changes()]
    assert orders == sorted(set(orders))
    assert repair(store) == []
    assert int(put(store, "service/next", name="next")) > orders[-1]


def test_repair_puts_the_last_good_copies_back_and_keeps_what_was_damaged(tmp_path: Path) -> None:
    place = damaged(tmp_path / "store")
    broken = (place / "instances" / "orders.json").read_bytes()
    log = (place / "changes.jsonl").read_bytes()
    store = open_files(place)
    actions = repair(store)
    assert {action.path for action in actions} == {
        "changes.jsonl", "instances/lost.json", "instances/orders.json", "services/lost.toml", "services/orders.toml",
        "services/users.toml", "services/.gone.toml.tmp", "state/health/orders.json", "state/health/.users.json.tmp"}
    aside = [path.read_bytes() for path in (place / "quarantine").iterdir()]
    assert broken in aside
    assert log in aside
    repaired = {change.key for change in store.changes() if change.operation == "repair"}
    assert repaired == {"service/orders", "service/users", "service/lost", "instance/orders/one", "instance/lost/one"}
    judge(place)


@pytest.mark.parametrize("step", [pytest.param(3, marks=pytest.mark.slow), 97])
def test_a_repair_killed_at_any_call_is_completed_by_the_next(tmp_path: Path, step: int) -> None:
    """Row 4: and the good services can be read at every point."""
    template, place = damaged(tmp_path / "template"), tmp_path / "store"
    call, has_died = 0, True
    while has_died:
        call += step
        shutil.copytree(template, place)
        has_died = dies_at(call, lambda: repair(open_files(place)))
        for key in ("service/orders", "service/users"):
            assert open_files(place).read(key).value == WANTED[key]  # type: ignore[union-attr]
        repair(open_files(place))
        judge(place)
        shutil.rmtree(place)
    assert call > 400


def test_what_has_no_good_copy_is_set_aside_and_said(tmp_path: Path) -> None:
    place = make(tmp_path / "store")
    (place / "instances" / "orders.json").write_bytes(b"rubbish")
    actions = repair(open_files(place))
    assert [action.path for action in actions] == ["instances/orders.json"]
    assert "no good copy is kept" in actions[0].done
    assert check(open_files(place)) == []


def test_a_kept_copy_that_is_not_whole_is_found_and_removed(store: FilesStore, place: Path) -> None:
    put(store, "service/orders", name="orders")
    put(store, "service/orders", name="orders", title="two")
    copy = sorted((place / "history" / "services" / "orders").iterdir())[0]
    copy.write_bytes(b"")
    assert [finding.path for finding in check(store)] == [str(copy.relative_to(place))]
    repair(store)
    assert check(store) == []
    assert store.read("service/orders").value["title"] == "two"  # type: ignore[union-attr]


def test_an_unfinished_write_that_can_go_neither_way_stops_writers_until_repair(
    store: FilesStore, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dead writer's temp file and the copies of what was before are both gone: the files are whole, and stay."""
    put(store, "service/a", name="a", title="old")
    put(store, "service/b", name="b", title="old")
    child = os.fork()
    if child == 0:
        import mgov.store.plan

        real = mgov.store.plan._put

        def die_at_second(parent: int, change: Any) -> None:
            if change.place.name == "b.toml":
                os._exit(9)
            real(parent, change)

        mgov.store.plan._put = die_at_second
        open_files(place).write_many(
            [mgov_write(f"service/{name}", {"name": name, "title": "new"}) for name in "ab"], operation="test")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    (place / "services" / ".b.toml.tmp").unlink()
    shutil.rmtree(place / "history" / "services" / "a")
    for _ in range(2):
        with pytest.raises(StoreError, match="neither completed nor undone") as caught:
            put(open_files(place), "service/c", name="c")
        assert caught.value.hint == "mgov store repair"
    repair(open_files(place))
    put(open_files(place), "service/c", name="c")
    titles = {document.key: document.value.get("title") for document in open_files(place).scan("service/")}
    assert titles == {"service/a": "new", "service/b": "old", "service/c": None}
    assert [(c.key, c.action) for c in store.changes()][2:] == [("service/a", "update"), ("service/c", "create")]
    assert Plan([], []).log_lines() == b""


def test_so_many_copies_are_kept_and_no_more(store: FilesStore, place: Path) -> None:
    """The newest twenty, each whole."""
    for number in range(25):
        put(store, "service/orders", name="orders", title="x" * (25 - number))
    copies = sorted(path.name for path in (place / "history" / "services" / "orders").iterdir())
    assert [int(name.partition("-")[0]) for name in copies] == list(range(6, 26))
    assert check(store) == []
