"""Versions on disk: what is damage, what repair does, and that the cache never lies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from storekit import names_below, open_files

from mgov.errors import Conflict, StoreDamaged, StoreDenied, StoreError
from mgov.model.setting import checksum
from mgov.store.base import ABSENT, Write
from mgov.store.files import FilesStore
from mgov.store.repair import check, repair

PREFIX = "config/orders/prod/"
FOLDER = "configs/orders/prod"


def version(number: int, **values: Any) -> dict[str, Any]:
    head = {"number": number, "author": "tester", "at": "2027-01-15T08:00:00.000Z", "operation": "set"}
    return {"version": {**head, "checksum": checksum(values)}, "values": values}


def make_version(store: FilesStore, number: int, **values: Any) -> None:
    store.write(Write(f"{PREFIX}{number:06d}", version(number, **values), ABSENT), operation="test")


def later(place: Path) -> FilesStore:
    """A handle on a clock that is past every file's time, so that what is read is kept in the cache."""
    newest = max((path.stat().st_ctime for path in [place, *place.rglob("*")]), default=0.0)
    return open_files(place, clock=FakeClock(newest + 1))


def problems(store: FilesStore) -> list[tuple[str, str]]:
    return [(finding.path, finding.problem) for finding in check(store) if not finding.is_note]


@pytest.fixture
def file(place: Path, store: FilesStore) -> Path:
    """The second of two versions."""
    make_version(store, 1, a=1, text="first")
    make_version(store, 2, a=2, text="second")
    return place / FOLDER / "000002.toml"


def test_a_version_is_a_toml_file_that_a_person_can_read_and_keeps_no_copies(place: Path, file: Path) -> None:
    lines = file.read_text().splitlines()
    assert lines[:2] == ["[version]", "number = 2"]
    assert lines[-4:-1] == ["[values]", "a = 2", 'text = "second"']
    assert lines[-1].startswith("# end revision=2 crc32=")
    assert not (place / "history").exists()


def test_a_version_cut_at_any_byte_is_found(file: Path, reopen: Any) -> None:
    """Row 20: every prefix, the empty one too."""
    data = file.read_bytes()
    for end in range(len(data)):
        file.write_bytes(data[:end])
        with pytest.raises(StoreDamaged, match="000002"):
            reopen().newest(PREFIX)
    file.write_bytes(data)
    assert reopen().newest(PREFIX).value["values"]["a"] == 2


def test_any_flipped_bit_is_found_even_where_the_text_still_parses(file: Path, reopen: Any) -> None:
    """Rows 18 and 19: unlike a definition, an edited version is not adopted."""
    data = file.read_bytes()
    for at in range(len(data)):
        file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(StoreDamaged, match="000002"):
            reopen().newest(PREFIX)


def test_an_edit_with_a_mended_last_line_is_found_by_the_checksum_of_the_values(file: Path, reopen: Any) -> None:
    from mgov.store.codec import end_toml, strip_end

    text = strip_end(file.read_bytes()).decode().replace("a = 2", "a = 3")
    file.write_bytes(end_toml(text, 2))
    with pytest.raises(StoreDamaged, match="the checksum is not that of its values"):
        reopen().newest(PREFIX)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"), (b"\0" * 500, "is empty"), (b"\xef\xbb\xbfa = 1", "000002.toml:1:1: it begins with a byte"),
        (b"a = \xff", "000002.toml:1:5: it is not valid UTF-8"), (b"a = 1\na = 2\n", "000002.toml:2"),
        (b"a = 1\rb = 2", "000002.toml:1:6"), (b"a = 1", "its last line is missing"),
        (b"a = " + b"[" * 5000, "too deeply"),
        (b"<<<<<<< ours\n[version]\n", "two branches each made this number"),
        (b".".join([b"a"] * 16_000) + b" = 1", "64 dotted parts"), (b"x" * 2**21, "at most 1048576 are read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_no_version_is_named_with_its_place(file: Path, reopen: Any, data: bytes, words: str) -> None:
    """Rows 21, 35, 36, 38 and 39."""
    file.write_bytes(data)
    with pytest.raises(StoreDamaged) as caught:
        reopen().newest(PREFIX)
    assert words in caught.value.message
    assert problems(reopen()) == [(f"{FOLDER}/000002.toml", caught.value.message)]


@pytest.mark.parametrize("value", ["2026-01-01", "nan", "inf", "1e400", "99999999999999999999"])
def test_a_value_that_json_cannot_hold_is_damage_in_the_store(file: Path, reopen: Any, value: str) -> None:
    """Row 36, behind an intact last line."""
    from mgov.store.codec import end_toml, strip_end

    file.write_bytes(end_toml(strip_end(file.read_bytes()).decode().replace("a = 2", f"a = {value}"), 2))
    with pytest.raises(StoreDamaged, match=r"000002\.toml: a is"):
        reopen().newest(PREFIX)


def test_a_folder_or_a_link_in_its_place_is_refused(file: Path, reopen: Any, tmp_path: Path) -> None:
    """Rows 21 and 51."""
    data = file.read_bytes()
    file.unlink()
    file.mkdir()
    with pytest.raises(StoreDamaged, match="folder stands"):
        reopen().newest(PREFIX)
    file.rmdir()
    (tmp_path / "elsewhere").write_bytes(data)
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreDenied, match="symbolic link"):
        reopen().newest(PREFIX)


def test_damage_in_an_old_version_does_not_stand_in_the_way_of_the_newest(file: Path, reopen: Any) -> None:
    (file.parent / "000001.toml").write_bytes(b"x")
    assert reopen().newest(PREFIX).value["values"]["a"] == 2
    make_version(reopen(), 3, a=3)
    assert reopen().newest(PREFIX).value["values"]["a"] == 3


def test_nothing_is_written_over_a_damaged_version_nor_beside_it_under_its_number(file: Path, reopen: Any) -> None:
    file.write_bytes(b"x")
    with pytest.raises(StoreDamaged):
        reopen().write(Write(f"{PREFIX}000002", version(2, a=2), ABSENT), operation="test")
    assert file.read_bytes() == b"x"


def test_the_newest_is_answered_from_the_cache_without_listing_or_parsing(
    place: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = later(place)
    assert store.newest(PREFIX).value["values"]["a"] == 2
    monkeypatch.setattr("os.listdir", lambda *_: pytest.fail("the folder was listed"))
    monkeypatch.setattr("mgov.store.versions.parse", lambda *_: pytest.fail("the file was parsed"))
    assert later(place).newest(PREFIX).value["values"]["a"] == 2


def test_whatever_happens_to_the_files_the_cache_is_not_believed(place: Path, file: Path) -> None:
    def newest() -> Any:
        return later(place).newest(PREFIX).value["values"]["a"]

    assert newest() == 2
    make_version(later(place), 3, a=3)
    assert newest() == 3
    shutil.copy2(file, place / FOLDER / "000007.toml")
    with pytest.raises(StoreDamaged, match="holds version 2, its file name says 7"):
        newest()
    (place / FOLDER / "000007.toml").unlink()
    assert newest() == 3
    (place / FOLDER / "000003.toml").unlink()
    assert newest() == 2
    data, info = file.read_bytes(), file.stat()
    file.write_bytes(data.replace(b"a = 2", b"a = 9"))
    os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns))             # the size and the time of writing are as before
    with pytest.raises(StoreDamaged, match="was changed after"):
        newest()
    file.write_bytes(data)
    for cached in (place / "cache").rglob("*.json"):
        cached.write_bytes(cached.read_bytes().replace(b'"a":2', b'"a":8'))
    assert newest() == 2


def test_within_a_moment_of_a_write_nothing_is_cached(place: Path, file: Path) -> None:
    store = open_files(place, clock=FakeClock(max(file.stat().st_ctime, file.parent.stat().st_ctime)))
    assert store.newest(PREFIX).value["values"]["a"] == 2
    assert not (place / "cache").exists()


def test_few_parsed_versions_are_kept(place: Path, store: FilesStore) -> None:
    for number in range(1, 20):
        make_version(store, number, n=number)
        store.write(Write(f"config/orders/base/{number:06d}", version(number, n=number)), operation="test")
    reader = later(place)
    for number in range(1, 20):
        reader.read(f"config/orders/base/{number:06d}")
        reader.read(f"{PREFIX}{number:06d}")
    reader.newest(PREFIX)
    assert len(list((place / "cache/configs/orders/base").glob("0*.json"))) == 8
    assert [path.name for path in (place / "cache" / FOLDER).glob("0*.json")] == ["000019.json"]


def test_a_store_that_cannot_be_written_is_read_without_a_cache(place: Path, file: Path) -> None:
    (place / "cache").write_text("a file in its place")
    assert later(place).newest(PREFIX).value["values"]["a"] == 2
    assert later(place).newest(PREFIX).value["values"]["a"] == 2


def test_repair_writes_a_version_anew_that_the_cache_still_knows(place: Path, file: Path) -> None:
    data = file.read_bytes()
    later(place).newest(PREFIX)
    file.write_bytes(data[:50])
    (action,) = repair(later(place))
    assert action.path == f"{FOLDER}/000002.toml"
    assert action.done.endswith("it was written again as the cache knew it")
    assert file.read_bytes() == data
    assert problems(later(place)) == []
    assert [change.operation for change in later(place).changes()] == ["test", "test", "repair"]


def test_repair_sets_a_version_aside_that_nobody_knows_and_the_one_before_is_the_newest(
    place: Path, file: Path, reopen: Any
) -> None:
    file.write_bytes(b"[version]\nnumber = 2\n")
    (action,) = repair(reopen())
    assert action.done.endswith("no good copy is kept, it was taken out")
    assert reopen().newest(PREFIX).value["values"]["a"] == 1
    (aside,) = names_below(place / "quarantine")
    assert aside.startswith("configs_orders_prod_000002.toml.")
    assert problems(reopen()) == []
    assert repair(reopen()) == []


def test_a_folder_in_the_place_of_a_version_is_moved_away(place: Path, file: Path, reopen: Any) -> None:
    file.unlink()
    file.mkdir()
    (action,) = repair(reopen())
    assert "a folder" in action.done
    assert problems(reopen()) == []


def test_check_notes_gaps_and_foreign_files_and_finds_temp_files(place: Path, file: Path, store: FilesStore) -> None:
    make_version(store, 5, a=5)
    for name in ("notes.txt", "1.toml", "000002.toml~", ".000002.toml.swp"):
        (file.parent / name).write_text("x")
    (file.parent / ".000006.toml.tmp").write_text("x")
    found = {finding.path: (finding.problem, finding.is_note) for finding in check(store)}
    assert found.pop(f"{FOLDER}/.000006.toml.tmp") == ("a writer that died left it behind", False)
    assert found.pop(FOLDER) == ("versions 3 to 4 are missing", True)
    assert {is_note for _, is_note in found.values()} == {True}
    assert len(found) == 4
    assert store.newest(PREFIX).value["values"]["a"] == 5
    repair(store)
    assert not (file.parent / ".000006.toml.tmp").exists()


def test_a_file_of_the_version_that_another_made_is_never_overwritten(place: Path, file: Path) -> None:
    """A number that a branch brought in between the look and the write is a lost race."""
    other = place / FOLDER / "000003.toml"
    shutil.copy2(file, other)
    with pytest.raises(StoreError):
        make_version(open_files(place), 3, a=3)
    assert other.read_bytes() == file.read_bytes()
    with pytest.raises(Conflict, match="exists already"):
        make_version(open_files(place), 2, a=3)


def test_modes_are_those_of_the_store(place: Path, file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    for folder in (file.parent, file.parent.parent, file.parent.parent.parent):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_the_folders_of_a_first_version_are_flushed_into_the_folders_above_them(
    place: Path, store: FilesStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 5: a name that a power cut takes from the folder above takes all below with it."""
    flushed: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        flushed.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr("os.fsync", fsync)
    make_version(store, 1, a=1)
    for folder in (place, place / "configs", place / "configs/orders", place / FOLDER):
        assert folder.stat().st_ino in flushed
    assert (place / FOLDER / "000001.toml").stat().st_ino in flushed
