"""What a key held before a change of it, and how far back that reaches in files."""

from __future__ import annotations

from pathlib import Path

import pytest
from storekit import put

from mgov.errors import Compacted
from mgov.store.base import Write
from mgov.store.files import FilesStore
from mgov.store.history import KEPT_COPIES

KEY = "service/orders"


def test_the_last_nineteen_changes_of_a_file_can_be_looked_behind(store: FilesStore) -> None:
    revisions = [put(store, KEY, name="orders", title=str(number)) for number in range(25)]
    earlier = store.earlier()
    reach = KEPT_COPIES - 1
    for number in range(25 - reach, 25):
        document = earlier.read(KEY, revisions[number])
        assert document is not None
        assert document.value["title"] == str(number - 1)
    with pytest.raises(Compacted, match="what service/orders was before revision 6 is no longer kept: a file has 20"):
        earlier.read(KEY, revisions[25 - reach - 1])


def test_another_key_of_the_same_file_uses_up_its_copies(store: FilesStore) -> None:
    put(store, "instance/orders/one", n=1)
    second = put(store, "instance/orders/one", n=2)
    for number in range(KEPT_COPIES - 2):
        put(store, "instance/orders/two", n=number)
    document = store.earlier().read("instance/orders/one", second)
    assert document is not None
    assert document.value == {"n": 1}
    put(store, "instance/orders/two", n="more")
    with pytest.raises(Compacted):
        store.earlier().read("instance/orders/one", second)


def test_a_copy_that_was_cut_is_not_replaced_by_an_older_one(place: Path, store: FilesStore) -> None:
    put(store, KEY, name="orders", title="one")
    put(store, KEY, name="orders", title="two")
    third = put(store, KEY, name="orders", title="three")
    (copy,) = place.joinpath("history/services/orders").glob(f"{2:012d}-*")
    copy.write_bytes(copy.read_bytes()[:10])
    with pytest.raises(Compacted):
        store.earlier().read(KEY, third)


def test_a_file_that_was_gone_held_nothing(place: Path, store: FilesStore) -> None:
    put(store, KEY, name="orders", title="one")
    store.write(Write(KEY, None), operation="test")
    (place / "services" / "orders.toml").write_text('title = "by hand"\n')
    put(store, KEY, name="orders", title="by hand")
    (adopted,) = store.changes("2")
    assert adopted.action == "adopt"
    assert store.earlier().read(KEY, adopted.revision) is None


def test_a_hand_edit_is_kept_between_what_it_replaced_and_what_replaced_it(place: Path, store: FilesStore) -> None:
    put(store, KEY, name="orders", title="one")
    (place / "services" / "orders.toml").write_text('# mine\ntitle = "by hand"\n')
    store.write_many(
        [Write("service/users", {"name": "users"}), Write(KEY, {"name": "orders", "title": "two"})], operation="test",
        message="why",
    )  # fmt: skip
    feed = [(c.revision, c.key, c.action, c.message, c.commit) for c in store.changes("1")]
    assert feed == [
        ("2", "service/users", "create", "why", "2"),
        ("3", KEY, "adopt", "", "3"),
        ("4", KEY, "update", "why", "2"),
    ]
    earlier = store.earlier()
    assert [earlier.read(KEY, r).value.get("title") for r in ("3", "4")] == ["one", "by hand"]  # type: ignore[union-attr]


def test_a_log_line_of_an_earlier_mgov_is_a_commit_of_its_own(place: Path, store: FilesStore) -> None:
    from mgov.store.log import parse_line, to_line

    put(store, KEY, name="orders")
    line = (place / "changes.jsonl").read_bytes()
    assert b"commit" not in line
    change, mark = parse_line(line)
    assert change.commit == change.revision == "1"
    assert to_line(change, mark) == line


def test_a_damaged_line_is_passed_over_from_either_end(place: Path, store: FilesStore) -> None:
    for title in ("one", "two", "three"):
        put(store, KEY, name="orders", title=title)
    log = place / "changes.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0] + lines[0] + lines[1].replace(b"orders", b"0rders") + lines[2] + lines[2][:20])
    assert [change.revision for change in store.changes_back()] == ["3", "1"]
    assert [change.revision for change in store.changes()] == ["1", "3"]
    assert store.warnings == [  # type: ignore[attr-defined]
        f"changes.jsonl:3 is damaged and was passed over: its checksum does not match bytes 20 to {len(lines[1])}"]
