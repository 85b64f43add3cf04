"""Durable writes per second of sixteen processes at once, against SQLite's in the same run; and one large batch.

    python tests/bench/bench_store.py [WRITES_EACH] [ROUNDS]

Both sides flush every commit: SQLite in WAL mode with synchronous=FULL, one row a commit; mgov one service document a
write, each writer its own. They take turns, so that a disk that slows down slows both. None may be lost.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mgov.store.commit  # noqa: F401  as sqlite3 is: loaded before the clock starts
from mgov.clock import SystemClock
from mgov.store.base import Write
from mgov.store.create import create
from mgov.store.files import FilesStore
from mgov.store.root import open_root

WRITERS = 16
TARGET_RATIO = 0.25
BATCH_SERVICES, INSTANCES_EACH, BATCH_LIMIT_S = 1000, 10, 3.0


def open_store(path: str) -> FilesStore:
    return FilesStore(open_root(path), clock=SystemClock(), actor="bench", warn=print, lock_wait_s=120)


def write_mgov(path: str, name: str, count: int) -> None:
    store = open_store(path)
    for number in range(count):
        store.write(Write(f"service/{name}", {"name": name, "title": str(number)}), operation="bench")


def write_sqlite(path: str, name: str, count: int) -> None:
    connection = sqlite3.connect(path, timeout=120, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    for number in range(count):
        connection.execute("INSERT INTO documents VALUES (?, ?)", (name, str(number)))
    connection.close()


def race(write: Callable[[str, str, int], None], path: str, count: int) -> float:
    """Writes per second of all writers together, from the first start to the last end."""
    os.sync()                                   # what went before is not paid for here
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write, args=(path, f"w{number}", count)) for number in range(WRITERS)]
    start = time.perf_counter()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    if any(writer.exitcode for writer in writers):
        raise SystemExit("a writer failed")
    return WRITERS * count / (time.perf_counter() - start)


def race_mgov(folder: Path, count: int) -> float:
    path = str(folder / "mgov")
    create(path, is_shared=False, random_bytes=os.urandom)
    rate = race(write_mgov, path, count)
    store = open_store(path)
    changes = list(store.changes())
    lost = WRITERS * count - len({change.revision for change in changes})
    if lost or any(document.value["title"] != str(count - 1) for document in store.scan("service/")):
        raise SystemExit(f"mgov lost {lost} writes")
    return rate


def race_sqlite(folder: Path, count: int) -> float:
    path = str(folder / "sqlite.db")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE documents (name TEXT, title TEXT)")
    rate = race(write_sqlite, path, count)
    found = connection.execute("SELECT count(*) FROM documents").fetchone()[0]
    connection.close()
    if found != WRITERS * count:
        raise SystemExit(f"SQLite lost {WRITERS * count - found} writes")
    return rate


def apply_batch(folder: Path) -> float:
    """Seconds for one batch of 1,000 services with 10,000 instances."""
    path = str(folder / "batch")
    create(path, is_shared=False, random_bytes=os.urandom)
    names = [f"s{number}" for number in range(BATCH_SERVICES)]
    writes = [Write(f"service/{name}", {"name": name, "title": name.upper(), "tags": ["edge"]}) for name in names]
    writes += [
        Write(f"instance/{name}/i{number}", {"host": "127.0.0.1", "port": 8000 + number, "origin": "manifest:bench"})
        for name in names
        for number in range(INSTANCES_EACH)
    ]
    os.sync()
    start = time.perf_counter()
    open_store(path).write_many(writes, operation="apply")
    return time.perf_counter() - start


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    ratios, batches = [], []
    # Nothing is removed between rounds: ext4 passes over inodes deleted a moment ago one by one.
    whole = Path(tempfile.mkdtemp(prefix="mgov-bench-", dir=os.environ.get("MGOV_BENCH_DIR")))
    for number in range(1, rounds + 1):
        folder = whole / str(number)
        folder.mkdir()
        sqlite_rate, mgov_rate = race_sqlite(folder, count), race_mgov(folder, count)
        batches.append(apply_batch(folder))
        ratios.append(mgov_rate / sqlite_rate)
        print(f"round {number}: mgov {mgov_rate:.0f}/s, SQLite {sqlite_rate:.0f}/s, ratio {ratios[-1]:.2f}; "
              f"batch of {BATCH_SERVICES} services and {BATCH_SERVICES * INSTANCES_EACH} instances {batches[-1]:.2f} s")
    shutil.rmtree(whole)
    ratio, batch_s = statistics.median(ratios), statistics.median(batches)
    print(f"median: ratio {ratio:.2f} (at least {TARGET_RATIO}), batch {batch_s:.2f} s (at most {BATCH_LIMIT_S})")
    print("every acknowledged write was found again")
    return 0 if ratio >= TARGET_RATIO and batch_s <= BATCH_LIMIT_S else 1


if __name__ == "__main__":
    raise SystemExit(main())
