"""Writers that are killed at any moment lose nothing that was acknowledged. Rows 1, 2, 23 and 32.

Each writer notes a write after the store said it is done. Afterwards every noted write is there, every file is
whole, the log has each noted revision exactly once, rising, and nothing was mistaken for a hand edit.
"""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from storekit import open_files, put, temps_below

from mgov.store.base import revision_order
from mgov.store.files import FilesStore
from mgov.store.repair import check

ROOT = Path(__file__).resolve().parents[2]
WRITER = Path(__file__).with_name("writer.py")


class Crew:
    """Writers of one store; one that dies is replaced by one that goes on behind its last acknowledgement."""

    def __init__(self, place: Path, count: int, writes: int, shared: int = 0) -> None:
        self.place, self.writes, self.shared = place, writes, shared
        self.names = [f"w{number}" for number in range(count)]
        self.running = {name: self._start(name, 0) for name in self.names}
        self.kill_count = 0

    def _acks_file(self, name: str) -> Path:
        return self.place.parent / f"{name}.acks"

    def acks(self, name: str) -> list[tuple[str, int, str]]:
        path = self._acks_file(name)
        if not path.exists():
            return []
        rows = [line.split() for line in path.read_text().splitlines()]
        return [(key, int(number), revision) for key, number, revision in rows]

    def _start(self, name: str, first: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, str(WRITER), str(self.place), str(self._acks_file(name)), name, str(first),
             str(self.writes - first), str(self.shared)],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL,
        )

    def run(self, kills: int, sign: int, draw: random.Random) -> None:
        """Kill `kills` writers, one now and then, and let the rest finish."""
        while self.running:
            alive = sorted(self.running)
            if self.kill_count < kills and (ready := [name for name in alive if self._is_ready_to_die(name)]):
                victim = draw.choice(ready)
                self.running[victim].send_signal(sign)
                self.running[victim].wait()
                self.kill_count += 1
            select.select([], [], [], draw.uniform(0.002, 0.05))
            for name in alive:
                if self.running[name].poll() is not None:
                    done = [number for _, number, _ in self.acks(name)]
                    del self.running[name]
                    if len(done) < self.writes and (not done or max(done) < self.writes - 1):
                        self.running[name] = self._start(name, max(done, default=-1) + 1)

    def _is_ready_to_die(self, name: str) -> bool:
        # One that still starts up would die before it wrote: that proves nothing.
        return bool(self.acks(name)) and self.running[name].poll() is None

    def stop(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()


def judge(place: Path, crew: Crew) -> None:
    store = open_files(place)
    put(store, "service/last", name="last")
    acknowledged = [ack for name in crew.names for ack in crew.acks(name)]
    logged = Counter(change.revision for change in store.changes())
    orders = [revision_order(change.revision) for change in store.changes()]
    assert orders == sorted(set(orders))
    assert [ack for ack in acknowledged if logged[ack[2]] != 1] == []
    for name in crew.names:
        revisions = [revision_order(revision) for _, _, revision in crew.acks(name)]
        assert revisions == sorted(set(revisions))
    newest: dict[str, int] = {}
    for key, number, _ in acknowledged:
        newest[key] = max(newest.get(key, -1), number)
    for key, number in newest.items():
        value = store.read(key).value  # type: ignore[union-attr]
        assert int(value["title"] if "title" in value else value["n"]) >= number
    assert "adopt" not in {change.action for change in store.changes()}
    assert {finding.path for finding in check(store) if not finding.is_note} <= set(temps_below(place))
    assert store.damaged == []


def crew_of(place: Path, count: int, writes: int, kills: int, sign: int, shared: int = 0) -> Crew:
    crew = Crew(place, count, writes, shared)
    try:
        crew.run(kills, sign, random.Random(20261124))
    finally:
        crew.stop()
    assert crew.kill_count == kills, "fewer kills than planned prove less than they claim"
    assert sum(len(crew.acks(name)) for name in crew.names) >= count * writes - kills, "fewer writes than planned"
    return crew


def test_a_few_killed_writers_lose_nothing(place: Path) -> None:
    judge(place, crew_of(place, count=3, writes=200, kills=6, sign=signal.SIGKILL))


@pytest.mark.slow
def test_sixteen_killed_writers_lose_nothing(place: Path) -> None:
    """Row 1: 16 processes, 500 writes each, a kill -9 every now and then."""
    judge(place, crew_of(place, count=16, writes=500, kills=80, sign=signal.SIGKILL))


@pytest.mark.slow
@pytest.mark.parametrize("shared", [1, 8])
def test_sixteen_writers_of_the_same_files_lose_nothing(place: Path, shared: int) -> None:
    """Row 23: the exact union of all writes to one file, and to eight."""
    crew = crew_of(place, count=16, writes=100, kills=0, sign=signal.SIGKILL, shared=shared)
    judge(place, crew)
    assert len(list(open_files(place).scan("instance/"))) == 1600


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_polite_signal_at_any_step_leaves_a_write_whole_or_undone(place: Path, sign: int) -> None:
    """Row 32."""
    judge(place, crew_of(place, count=4, writes=150, kills=20, sign=sign))


def test_an_interrupt_during_a_write_comes_after_it(store: FilesStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 32: the signal is held back while the files change, and delivered when the lock is free."""
    real = os.fsync

    def interrupted(descriptor: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        put(store, "service/a", name="a")
    monkeypatch.undo()
    assert store.read("service/a") is not None
    assert [change.key for change in store.changes()] == ["service/a"]
    put(open_files(store.location, lock_wait_s=0), "service/b", name="b")
