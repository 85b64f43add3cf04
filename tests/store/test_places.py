"""Where a store may be, who may use it, and what is made there. Rows 10, 13, 49 to 55, 95, 96 and 99."""

from __future__ import annotations

import os
import resource
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from storekit import IS_ROOT, STORE_ID, make, open_files, put

from mgov.errors import NotAStore, StoreDamaged, StoreDenied, StoreError, StoreFull, StoreNewer, UsageError
from mgov.store.base import Write
from mgov.store.create import create
from mgov.store.files import FilesStore
from mgov.store.root import locate, open_root

NOBODY = 65534
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can become somebody else")


def bytes_of(count: int) -> bytes:
    return STORE_ID[:count]


def modes_below(place: Path) -> set[tuple[bool, int]]:
    """(is a folder, mode) of everything in a store, the store itself included."""
    paths = [place, *place.rglob("*")]
    return {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in paths}


def write_everything(store: FilesStore) -> None:
    put(store, "service/a", name="a")
    put(store, "instance/a/one", host="h")
    put(store, "health/a", status="healthy")
    put(store, "heartbeat/a/one", at=1.0)
    list(store.scan("service/"))


@pytest.fixture
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.parametrize("_umask", [0o000, 0o077, 0o022], indirect=True)
@pytest.mark.parametrize(("is_shared", "folder", "file"), [(False, 0o700, 0o600), (True, 0o2770, 0o660)])
@pytest.mark.usefixtures("_umask")
def test_modes_are_the_stores_whatever_the_umask(tmp_path: Path, is_shared: bool, folder: int, file: int) -> None:
    """Row 54."""
    place = make(tmp_path / "store", is_shared=is_shared)
    write_everything(open_files(place))
    assert modes_below(place) == {(True, folder), (False, file)}


def test_a_folder_that_everyone_may_write_is_refused_with_the_command_that_mends_it(place: Path) -> None:
    """Row 52."""
    place.chmod(0o777)
    with pytest.raises(StoreDenied, match="writable by everyone") as caught:
        open_files(place)
    assert caught.value.hint == f"chmod o-w {place}"


def test_a_looser_checkout_is_accepted(place: Path) -> None:
    """Row 54."""
    place.chmod(0o755)
    put(open_files(place), "service/a", name="a")


@needs_root
def test_what_root_makes_in_a_users_store_belongs_to_the_user(tmp_path: Path) -> None:
    """Row 53: sudo does not lock the user out, neither in their store nor by making one in their folder."""
    os.chown(tmp_path, NOBODY, NOBODY)
    place = make(tmp_path / "store")
    write_everything(open_files(place))
    assert {path.stat().st_uid for path in [place, *place.rglob("*")]} == {NOBODY}


@needs_root
def test_another_users_store_can_be_read_with_a_warning_and_not_written(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 52."""
    put(open_files(place), "service/a", name="a")
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    store = open_files(place)
    assert store.read("service/a") is not None
    assert store.warnings == [f"{place} belongs to another user: it can be read, not written"]  # type: ignore[attr-defined]
    for key in ("service/b", "health/a"):
        with pytest.raises(StoreDenied, match="another user"):
            put(store, key, name="b")


@pytest.mark.parametrize(
    ("path", "key"),
    [("services", "service/a"), ("services/a.toml", "service/a"), ("services/.a.toml.tmp", "service/a"),
     ("lock", "service/a"), ("lock/intent", "service/a"), ("changes.jsonl", "service/a"),
     ("history", "service/a"), ("instances/a.json", "instance/a/one"), ("instances", "instance/a/one"),
     ("state", "health/a"), ("state/health/a.json", "health/a"), ("state/health/.a.json.tmp", "health/a")],
)
def test_a_planted_link_is_never_followed(place: Path, tmp_path: Path, path: str, key: str) -> None:
    """Row 51: the write is refused or goes round the link, and what it points to stays as it is."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    planted = place / path
    planted.parent.mkdir(parents=True, exist_ok=True)
    if planted.is_dir():
        planted.rename(tmp_path / "aside")
    planted.unlink(missing_ok=True)
    planted.symlink_to(tmp_path / ("file" if "." in path or path.endswith("intent") else "folder"))
    with pytest.raises(StoreError) as caught:
        put(open_files(place), key, name="a")
    assert caught.value.exit_status == 8
    assert (tmp_path / "file").read_text() == "mine"
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_planted_mark_is_not_followed(place: Path, tmp_path: Path) -> None:
    """Row 51."""
    (place / "store.toml").rename(tmp_path / "mark")
    (place / "store.toml").symlink_to(tmp_path / "mark")
    with pytest.raises(StoreDenied, match="symbolic link"):
        open_files(place)


@pytest.mark.parametrize("path", ["services/a.toml", "instances/a.json"])
def test_a_pipe_in_a_files_place_holds_nobody_up(place: Path, path: str) -> None:
    os.mkfifo(place / path)
    with pytest.raises(StoreError, match="pipe or device"):
        open_files(place).read("service/a" if "toml" in path else "instance/a/one")


def test_a_folder_without_a_mark_is_no_store_and_stays_as_it_is(tmp_path: Path) -> None:
    """Row 96: a disk that is not mounted is not an empty fleet."""
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "missing"):
        with pytest.raises(NotAStore) as caught:
            open_files(path)
        assert caught.value.exit_status == 8
        assert "mgov init" in (caught.value.hint or "")
    assert list((tmp_path / "empty").iterdir()) == []
    assert not (tmp_path / "missing").exists()


def test_the_folder_above_a_store_points_to_it(tmp_path: Path) -> None:
    make(tmp_path / ".mgov")
    with pytest.raises(NotAStore) as caught:
        open_files(tmp_path)
    assert caught.value.hint == f"did you mean {tmp_path / '.mgov'}?"


@pytest.mark.parametrize(
    ("text", "kind"),
    [(b"format = 2\nid = \"x\"\n", StoreNewer), (b"", StoreDamaged), (b"format = x\n", StoreDamaged),
     (b"format = 0\nid = \"x\"\n", StoreDamaged), (b"format = 1\n", StoreDamaged), (b"\xff\xfe", StoreDamaged),
     (b"format = " + b"9" * 4000 + b"\n", StoreNewer)],
)
def test_a_mark_that_is_newer_or_damaged_is_refused(place: Path, text: bytes, kind: type[StoreError]) -> None:
    """Row 95: nothing of a newer store is read or written."""
    (place / "store.toml").write_bytes(text)
    with pytest.raises(kind, match=r"store\.toml"):
        open_files(place)


def test_init_over_other_files_is_refused_and_a_store_is_left_alone(tmp_path: Path, place: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="holds other files"):
        create(str(tmp_path / "used"), is_shared=False, random_bytes=bytes_of)
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["notes.txt"]
    assert create(str(place), is_shared=False, random_bytes=bytes) == (open_root(str(place)), False)


def test_init_where_services_are_already_is_refused(place: Path) -> None:
    """A store that lost its mark is not begun anew over its services."""
    put(open_files(place), "service/a", name="a")
    (place / "store.toml").unlink()
    with pytest.raises(StoreError, match="holds other files"):
        create(str(place), is_shared=False, random_bytes=bytes_of)


def test_two_inits_at_once_make_one_store(tmp_path: Path) -> None:
    made: list[tuple[str, bool]] = []

    def init(number: int) -> None:
        root, is_new = create(str(tmp_path / "s"), is_shared=False, random_bytes=lambda count: bytes([number]) * count)
        made.append((root.id, is_new))

    threads = [threading.Thread(target=init, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({identity for identity, _ in made}) == 1
    assert sorted(is_new for _, is_new in made) == [False] * 5 + [True]


def test_no_folder_is_ever_named_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 55: a path that no shell expanded is refused by name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOME")
    with pytest.raises(UsageError, match="not expanded"):
        create("~/store", is_shared=False, random_bytes=bytes_of)
    with pytest.raises(NotAStore):
        open_root("~/store")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_not_utf_8_works_and_is_shown_escaped(tmp_path: Path) -> None:
    """Row 55."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")
    with pytest.raises(NotAStore) as caught:
        open_root(path)
    caught.value.message.encode()
    create(path, is_shared=False, random_bytes=bytes_of)
    put(open_files(path), "service/a", name="a")


def test_the_nearest_store_above_is_found_and_the_named_one_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / ".mgov")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert locate(None, {}) == str(tmp_path / ".mgov")
    assert locate(None, {"MGOV_STORE": "/elsewhere"}) == "/elsewhere"
    assert locate("/named", {"MGOV_STORE": "/elsewhere"}) == "/named"


def test_a_folder_that_is_gone_holds_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert locate(None, {}) is None


def test_a_limit_on_file_size_is_named_and_changes_nothing(place: Path) -> None:
    """Row 10: `ulimit -f`, of which Python ignores the signal."""
    store = open_files(place)
    put(store, "service/a", name="a")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(StoreFull, match="too large"):
            put(store, "service/a", name="a", description="x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert store.read("service/a").value == {"name": "a"}  # type: ignore[union-attr]
    put(store, "service/a", name="a", description="x" * 5000)


def test_too_many_open_files_is_named_and_changes_nothing(place: Path) -> None:
    store = open_files(place)
    put(store, "service/a", name="a")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, before[1]))
    try:
        with pytest.raises(StoreError, match="too many open files"):
            put(store, "service/a", name="a", title="new")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert put(store, "service/a", name="a") == "1"


def test_a_batch_of_thousands_takes_the_lock_once_and_flushes_the_log_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 99."""
    flushes: list[int] = []
    monkeypatch.setattr(os, "fdatasync", flushes.append)
    store = open_files(place)
    writes = [Write(f"instance/s{number % 20}/i{number}", {"host": "h"}) for number in range(10_000)]
    store.write_many(writes, operation="apply")
    assert len(flushes) == 1
    assert sum(1 for _ in store.scan("instance/")) == 10_000


def test_a_definition_too_long_to_be_read_again_is_not_written(store: FilesStore) -> None:
    """Row 38, on the way in."""
    with pytest.raises(UsageError, match="at most 1048576"):
        put(store, "service/a", name="a", description="x" * 1024 * 1024)
    assert store.read("service/a") is None


def test_a_definition_with_an_unknown_key_is_not_written(store: FilesStore) -> None:
    with pytest.raises(UsageError, match="no key 'titel'"):
        put(store, "service/a", name="a", titel="x")
