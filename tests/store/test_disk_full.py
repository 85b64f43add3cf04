"""A real disk that is full: a tmpfs of a few pages. Row 8, 9 and 10 of the fault table, on the kernel's own terms."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from storekit import STORE_ID, make, open_files, put, temps_below

from mgov.errors import OutcomeUnknown, StoreError, StoreFull
from mgov.store.base import Write
from mgov.store.create import create
from mgov.store.files import FilesStore
from mgov.store.repair import check

PAGE = 4096
LONG = "x" * 3000
OPERATIONS: dict[str, Callable[[FilesStore], Any]] = {
    "create": lambda store: put(store, "service/new", name="new", description=LONG),
    "update": lambda store: put(store, "service/old", name="old", description=LONG),
    "delete": lambda store: store.write(Write("service/old", None), operation="test"),
    "instance": lambda store: put(store, "instance/old/one", host="h", text=LONG),
    "batch": lambda store: store.write_many(
        [Write(f"instance/s{number}/one", {"text": LONG}) for number in range(5)], operation="test"),
    "health": lambda store: put(store, "health/old", text=LONG),
    "heartbeat": lambda store: put(store, "heartbeat/old/one", text=LONG),
}


@pytest.fixture
def disk(tmp_path: Path, require: Callable[[str], str]) -> Iterator[Path]:
    """An empty file system of its own, of 160 pages and 150 inodes."""
    mount, umount = require("mount"), require("umount")
    path = tmp_path / "disk"
    path.mkdir()
    options = f"size={160 * PAGE},nr_inodes=150,mode=700"
    done = subprocess.run([mount, "-t", "tmpfs", "-o", options, "mgov-test", str(path)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    yield path
    subprocess.run([umount, str(path)], check=True)


def fill(disk: Path, free_pages: int) -> None:
    """Leave only so many pages free."""
    with (disk / "ballast").open("wb") as ballast:
        info = os.statvfs(disk)
        ballast.write(b"\0" * (info.f_bavail * info.f_bsize - free_pages * PAGE))


def values(place: Path) -> dict[str, Any]:
    store = open_files(place)
    keys = ["service/old", "service/new", "instance/old/one", "health/old", "heartbeat/old/one",
            *(f"instance/s{number}/one" for number in range(5))]
    return {key: document.value for key in keys if (document := store.read(key)) is not None}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_disk_that_fills_up_at_any_page_leaves_the_old_value_or_the_new(disk: Path, name: str) -> None:
    """Rows 8 and 9: with no page free, one page, two ... until the write goes through."""
    template = make(disk.parent / "template")
    store = open_files(template)
    put(store, "service/old", name="old")
    put(store, "instance/old/one", host="h")
    put(store, "health/old", status="healthy")
    before = values(template)
    refusals, is_done, free = 0, False, 0
    while not is_done:
        place = disk / "store"
        shutil.copytree(template, place)
        fill(disk, free)
        try:
            OPERATIONS[name](open_files(place))
            is_done = True
        except OutcomeUnknown:
            refusals += 1
        except StoreFull:
            assert values(place) == before
            refusals += 1
        (disk / "ballast").unlink()
        put(open_files(place, lock_wait_s=0), "service/next", name="next")
        OPERATIONS[name](open_files(place))
        assert temps_below(place) == []
        assert check(open_files(place)) == []
        shutil.rmtree(place)
        free += 1
        assert free < 150
    assert refusals > 0 or name == "delete"


def test_no_inode_left_is_named_and_changes_nothing(disk: Path) -> None:
    """Row 10."""
    place = make(disk / "store")
    put(open_files(place), "service/old", name="old")
    number = 0
    try:
        while True:
            (disk / f"file{number}").touch()
            number += 1
    except OSError:
        pass
    store = open_files(place)
    with pytest.raises(StoreFull, match="no space left"):
        put(store, "service/old", name="old", title="new")
    assert store.read("service/old").value == {"name": "old"}  # type: ignore[union-attr]
    for index in range(number):
        (disk / f"file{index}").unlink()
    put(store, "service/old", name="old", title="new")
    assert check(open_files(place)) == []


def test_init_on_a_full_disk_is_refused_and_works_once_there_is_room(disk: Path) -> None:
    fill(disk, 0)
    with pytest.raises(StoreFull):
        create(str(disk / "store"), is_shared=False, random_bytes=lambda count: STORE_ID[:count])
    (disk / "ballast").unlink()
    put(open_files(make(disk / "store")), "service/a", name="a")


def test_a_read_only_disk_is_read_and_not_written(disk: Path, require: Callable[[str], str]) -> None:
    """Row 13."""
    place = make(disk / "store")
    put(open_files(place), "service/a", name="a")
    subprocess.run([require("mount"), "-o", "remount,ro", str(disk)], check=True)
    store = open_files(place)
    assert store.read("service/a") is not None
    assert len(list(store.scan("service/"))) == 1
    for key in ("service/b", "health/b"):
        with pytest.raises(StoreError, match="read-only") as caught:
            put(store, key, name="b")
        assert caught.value.exit_status == 8
