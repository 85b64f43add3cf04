"""What a bad disk, a bad copy or a bad edit does to a file, and what the store says. Rows 12, 16 to 22, 35 to 46."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from faults import faulty
from storekit import open_files, put

from mgov.errors import StoreDamaged, StoreError, StoreNewer
from mgov.store.codec import end_toml, pack, seal
from mgov.store.files import FilesStore
from mgov.store.repair import check, repair

MACHINE_FILES = ("instances/orders.json", "state/health/orders.json", "state/heartbeat/orders/one.json")
KEY_OF = dict(zip(MACHINE_FILES, ("instance/orders/one", "health/orders", "heartbeat/orders/one"), strict=True))


@pytest.fixture
def filled(store: FilesStore) -> FilesStore:
    """One document in a file of each kind, and another service beside it."""
    put(store, "service/orders", name="orders", title="first", owner="shop")
    put(store, "service/orders", name="orders", title="订单", owner="shop", tags=["edge"])
    put(store, "service/users", name="users")
    put(store, "instance/orders/one", host="127.0.0.1", port=80)
    put(store, "instance/users/one", host="127.0.0.1", port=81)
    put(store, "health/orders", status="healthy")
    put(store, "heartbeat/orders/one", at=1.0)
    return store


def read_or_complaint(place: Path, key: str) -> str:
    """What a reader is told: '' for a sound document, else the error's or the warning's text."""
    store = open_files(place)
    try:
        document = store.read(key)
    except StoreError as error:
        return error.message if error.exit_status == 8 else ""
    if document is not None and not document.is_held:
        return ""
    return store.warnings[0] if store.warnings else "absent"  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", MACHINE_FILES)
def test_each_flipped_bit_of_a_machine_file_is_found_and_the_file_is_named(
    place: Path, filled: FilesStore, path: str
) -> None:
    """Row 18."""
    whole = (place / path).read_bytes()
    for number in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[number // 8] ^= 1 << number % 8
        (place / path).write_bytes(flipped)
        complaint = read_or_complaint(place, KEY_OF[path])
        assert path in complaint
        assert "byte" in complaint


@pytest.mark.parametrize("path", [*MACHINE_FILES, "services/orders.toml"])
def test_each_cut_of_a_file_is_found(place: Path, filled: FilesStore, path: str) -> None:
    """Row 20: of a definition that mgov wrote, only the last line as a whole may go, for nothing is lost with it."""
    whole = (place / path).read_bytes()
    text = whole.rindex(b"# end") if path.endswith(".toml") else -1
    for length in range(len(whole)):
        (place / path).write_bytes(whole[:length])
        assert bool(read_or_complaint(place, KEY_OF.get(path, "service/orders"))) == (length != text), length


def test_each_cut_of_a_definition_that_a_person_wrote_is_found_once_it_was_adopted(
    place: Path, filled: FilesStore
) -> None:
    """Row 20: the beginning of the last good copy is a cut, for no editor leaves one."""
    file = place / "services" / "users.toml"
    whole = b'# ours\ntitle = "Users"\ntags = ["a", "b"]\n'
    file.write_bytes(whole)
    put(filled, "service/users", name="users", title="Users", tags=["a", "b"])
    assert file.read_bytes() == whole
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert read_or_complaint(place, "service/users"), length


@pytest.mark.parametrize("path", ["instances/orders.json", "services/orders.toml", "state/health/orders.json"])
@pytest.mark.parametrize("content", [b"", bytes(4096), None])
def test_zeros_nothing_or_a_folder_in_a_files_place_harm_no_other(
    place: Path, filled: FilesStore, path: str, content: bytes | None
) -> None:
    """Row 21."""
    (place / path).unlink()
    if content is None:
        (place / path).mkdir()
    else:
        (place / path).write_bytes(content)
    store = open_files(place)
    assert read_or_complaint(place, KEY_OF.get(path, "service/orders"))
    assert {"service/users"} <= {document.key for document in store.scan("service/")}
    assert {"instance/users/one"} <= {document.key for document in store.scan("instance/")}
    assert path in {finding.path for finding in check(store)}


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_listed(place: Path, filled: FilesStore) -> None:
    """Row 12."""
    store = open_files(place)
    with faulty(1, "EIO", calls=("read",)):
        names = [document.key for document in store.scan("instance/")]
    assert names == ["instance/users/one"]
    assert store.damaged == ["instances/orders.json"]
    assert "instances/orders.json: input/output error" in store.warnings[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("moment", ["read", "write"])
def test_too_little_memory_is_an_error_of_the_store_that_changes_nothing(
    place: Path, filled: FilesStore, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Row 16."""
    name = "mgov.store.files.read_file" if moment == "read" else "mgov.store.plan.write_temp"

    def exhausted(*_: object, **__: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(name, exhausted)
    with pytest.raises(StoreError, match="not enough memory"):
        filled.read("instance/orders/one") if moment == "read" else put(filled, "instance/orders/one", host="b")
    monkeypatch.undo()
    assert open_files(place).read("instance/orders/one").value["host"] == "127.0.0.1"  # type: ignore[union-attr]
    put(open_files(place, lock_wait_s=0), "instance/orders/one", host="b")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'\xef\xbb\xbftitle = "x"\n', "orders.toml:1:1: .*without BOM"),
        (b'title = "x"\rowner = "y"\n', "orders.toml:1:12"),
        (b'title = "a\0b"\n', "orders.toml:1:11: .*NUL"),
        (b'title = "\xff"\n', "orders.toml:1:10: .*not valid UTF-8"),
        (b'title = "x"\ntitle = "y"\n', "orders.toml:2"),
        (b"[metadata]\n[metadata]\n", "orders.toml:2"),
        (b"title = nan\n", "title must be text"),
        (b"title = 1e400\n", "title must be text"),
        (b"title = 2026-01-01\n", "title must be text"),
        (b"schema = { x = inf }\n", "schema.x"),
        (b"schema = { x = 2026-01-01 }\n", "schema.x is a date"),
        (b"schema = { x = 12345678901234567890 }\n", "schema.x does not fit"),
        (b"title = " + b"1" * 5000 + b"\n", "number"),
        (b".".join([b"a"] * 16_000) + b" = 1\n", "more than 64 dotted parts"),
        (b"schema = " + b"[" * 5000 + b"]" * 5000 + b"\n", "nested too deeply"),
        (b"titel = 'x'\n", "no key 'titel'"),
        (b'name = "users"\n', "holds the service 'users', its file name says 'orders'"),
        (b"#" * (1024 * 1024 + 1), "at most 1048576"),
    ],
)
def test_an_invalid_edit_is_named_and_the_last_good_copy_stays_in_force(
    place: Path, filled: FilesStore, text: bytes, words: str
) -> None:
    """Rows 35, 36, 38 to 40, 42 and 46: reads go on with a warning, writes to that service are refused, all within
    50 ms.
    """
    (place / "services" / "orders.toml").write_bytes(text)
    took_s = []
    for _ in range(3):                                  # the least counts: a machine may be busy with something else
        store = open_files(place)
        start = time.process_time()
        document = store.read("service/orders")
        took_s.append(time.process_time() - start)
    assert min(took_s) < 0.05
    assert document is not None
    assert document.is_held
    assert document.value["title"] == "订单"
    assert store.warnings[0].endswith("the last good copy stays in force")  # type: ignore[attr-defined]
    with pytest.raises(StoreDamaged, match=words) as caught:
        put(store, "service/orders", name="orders", title="new")
    assert caught.value.exit_status == 8
    assert (place / "services" / "orders.toml").read_bytes() == text
    put(store, "service/users", name="users", title="others are fine")


@pytest.mark.parametrize(
    "inside", ['"x":NaN', '"x":Infinity', '"x":"\\ud800"', '"x":' + "[" * 100_000 + "]" * 100_000, '"x":' + "1" * 5000]
)
def test_a_machine_file_that_is_not_json_is_damage_even_with_a_right_checksum(
    place: Path, filled: FilesStore, inside: str
) -> None:
    """Rows 39 to 41."""
    (place / "instances" / "orders.json").write_bytes(seal(f'"format":1,"entries":{{}},{inside}'))
    complaint = read_or_complaint(place, "instance/orders/one")
    assert "instances/orders.json" in complaint or complaint == "absent"
    check(open_files(place))


def test_utf_16_in_a_machine_files_place_is_damage(place: Path, filled: FilesStore) -> None:
    """Row 41."""
    (place / "instances" / "orders.json").write_bytes('{"crc32":"00000000"}'.encode("utf-16"))
    assert "instances/orders.json" in read_or_complaint(place, "instance/orders/one")


@pytest.mark.parametrize("path", ["instances/orders.json", "state/health/orders.json"])
def test_a_file_of_a_newer_format_is_refused_and_left_alone(place: Path, filled: FilesStore, path: str) -> None:
    """Rows 42 and 95."""
    newer = seal('"format":2,"shape":"unheard of"')
    (place / path).write_bytes(newer)
    store = open_files(place)
    with pytest.raises(StoreNewer, match="format 2"):
        store.read(KEY_OF[path])
    with pytest.raises(StoreNewer):
        put(store, KEY_OF[path], host="x")
    assert (place / path).read_bytes() == newer


def test_fields_of_a_later_mgov_in_a_known_format_are_kept(place: Path, filled: FilesStore) -> None:
    """Rows 42 and 95."""
    entry = {"revision": 9, "value": {"host": "h", "colour": "green"}, "later": True}
    (place / "instances" / "orders.json").write_bytes(pack("instances", {"instance/orders/one": entry}))
    put(filled, "instance/orders/two", host="h")
    assert filled.read("instance/orders/one").value["colour"] == "green"  # type: ignore[union-attr]
    assert b'"later":true' in (place / "instances" / "orders.json").read_bytes()


def test_none_is_left_out_of_a_definition(store: FilesStore) -> None:
    """Row 43."""
    revision = put(store, "service/a", name="a", title=None, schema={"x": None, "y": 1})
    assert store.read("service/a").value == {"name": "a", "schema": {"y": 1}}  # type: ignore[union-attr]
    assert put(store, "service/a", name="a", title=None, schema={"y": 1}) == revision


@pytest.mark.parametrize("text", ["a\r\nb", "\r", "\n", "\t\x7f\x1b", '"""', "'''", "\\", "# end revision=1 crc32=00"])
def test_any_text_survives_byte_for_byte(store: FilesStore, text: str) -> None:
    """Row 44."""
    put(store, "service/a", name="a", description=text)
    assert store.read("service/a").value["description"] == text  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_file_of_a_hundred_thousand_instances_is_read_within_four_seconds(place: Path, store: FilesStore) -> None:
    """Row 45, by size: 100,000 entries in one file."""
    entry = {"revision": 1, "value": {"host": "10.0.0.1", "port": 80}}
    entries = {f"instance/big/i{number}": entry for number in range(100_000)}
    (place / "instances").mkdir(exist_ok=True)
    (place / "instances" / "big.json").write_bytes(pack("instances", entries))
    start = time.process_time()
    assert sum(1 for _ in store.scan("instance/")) == 100_000
    assert time.process_time() - start < 4


def test_a_copy_made_while_the_store_was_written_is_clean_or_says_what_is_wrong(
    place: Path, filled: FilesStore
) -> None:
    """Row 17: every file of the copy may be of another moment, and half a temp file may be among them."""
    log = place / "changes.jsonl"
    log.write_bytes(log.read_bytes()[:-20])
    (place / "services" / ".orders.toml.tmp").write_bytes(b"name =")
    os.unlink(place / "instances" / "users.json")
    findings = check(open_files(place))
    assert {finding.path for finding in findings} == {
        "changes.jsonl:5", "services/.orders.toml.tmp", "instances/users.json"}
    repair(open_files(place))
    assert check(open_files(place)) == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda lines: [lines[0], b"x" + lines[1][1:], *lines[2:]], "damaged"),
        (lambda lines: [lines[0], lines[0], *lines[1:]], "twice"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "behind"),
        (lambda lines: [lines[0] + lines[1].replace(b"\n", b"") + lines[2], *lines[3:]], "damaged|behind"),
        (lambda lines: [lines[0].replace(b"\n", b"") + lines[1], *lines[2:]], "damaged"),
        (lambda lines: [lines[0][:30] + b"\n", *lines[1:]], "damaged"),
    ],
)
def test_a_damaged_log_is_listed_read_around_and_rewritten_with_a_copy_kept(
    place: Path, filled: FilesStore, spoil: object, words: str
) -> None:
    """Row 22: bad checksum, doubled and backward revisions, glued lines, a cut in the middle."""
    log = place / "changes.jsonl"
    bad = b"".join(spoil(log.read_bytes().splitlines(keepends=True)))  # type: ignore[operator]
    log.write_bytes(bad)
    store = open_files(place)
    findings = [finding for finding in check(store) if finding.path.startswith("changes.jsonl:")]
    if bad.count(b"\n") != 5 or b"x" in bad[:1]:
        assert findings
    orders = [int(change.revision) for change in store.changes()]
    assert orders == sorted(set(orders))
    assert store.read("service/orders").value["title"] == "订单"  # type: ignore[union-attr]
    actions = repair(store)
    if findings:
        assert findings[0].problem
        assert any(action.path == "changes.jsonl" and "quarantine/" in action.done for action in actions)
        assert bad in [path.read_bytes() for path in (place / "quarantine").iterdir()]
    assert check(open_files(place)) == []
    assert [int(change.revision) for change in open_files(place).changes()] == orders
    assert int(put(open_files(place), "service/next", name="next")) > 5


def test_a_definition_with_a_flipped_letter_is_taken_for_an_edit_and_shown_in_the_log(
    place: Path, filled: FilesStore
) -> None:
    """Row 19: it still parses; the version before is kept."""
    file = place / "services" / "orders.toml"
    file.write_bytes(file.read_bytes().replace(b'"shop"', b'"shoq"'))
    store = open_files(place)
    assert store.read("service/orders").value["owner"] == "shoq"  # type: ignore[union-attr]
    put(store, "service/orders", name="orders", title="next")
    assert [change.action for change in store.changes()][-2:] == ["adopt", "update"]
    copies = [path.read_bytes() for path in (place / "history" / "services" / "orders").iterdir()]
    assert any(b'"shop"' in copy for copy in copies)
    assert any(b'"shoq"' in copy for copy in copies)


def test_a_trailer_forged_by_hand_does_not_hide_an_edit(place: Path, filled: FilesStore) -> None:
    """Revisions never go back, whatever a person's file says of itself."""
    file = place / "services" / "orders.toml"
    before = open_files(place).read("service/orders")
    file.write_bytes(end_toml('title = "old"\n', 1))
    after = open_files(place).read("service/orders")
    assert before is not None
    assert after is not None
    assert int(after.revision.partition("~")[0]) >= int(before.revision)
    assert after.revision != before.revision
