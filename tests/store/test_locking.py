"""One writer at a time, whoever dies, hangs, forks or deletes. Rows 23 to 29 of the fault table."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import FakeClock
from storekit import make, open_files, put

import mgov.store.commit
import mgov.store.definitions
import mgov.store.lock
import mgov.store.state
from mgov.errors import Conflict, LockTimeout, StoreDenied, StoreError
from mgov.store.base import Write, revision_order, update
from mgov.store.files import FilesStore
from mgov.store.lock import Lock, describe_holder, filesystem_of, refuse_remote

ROOT = Path(__file__).resolve().parents[2]
_HOLD = """
import sys
from mgov.clock import SystemClock
from mgov.store.lock import Lock
from mgov.store.root import open_root
with Lock(open_root(sys.argv[1]), "intent", clock=SystemClock(), wait_s=5):
    print("held", flush=True)
    sys.stdin.read()
"""
_COUNT = """
import sys
from mgov.clock import SystemClock
from mgov.store.base import update
from mgov.store.files import FilesStore
from mgov.store.root import open_root
store = FilesStore(open_root(sys.argv[1]), clock=SystemClock(), actor="counter", warn=print, lock_wait_s=60)
done = 0
while done < int(sys.argv[3]):
    try:
        update(store, sys.argv[2], lambda value: {"n": (value or {"n": 0})["n"] + 1}, operation="count")
        done += 1
    except Exception as error:
        if type(error).__name__ != "Conflict":
            raise
"""


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture
def holder(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the intent lock until the test ends."""
    process = python(_HOLD, str(place))
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("is_stopped", [False, True])
def test_whoever_waits_in_vain_is_told_who_holds_the_lock(
    place: Path, holder: subprocess.Popen[str], is_stopped: bool
) -> None:
    """Row 25: a holder that hangs costs the deadline, and is named; exit 5."""
    if is_stopped:
        holder.send_signal(signal.SIGSTOP)
    clock = FakeClock()
    with pytest.raises(LockTimeout, match=f"locked by process {holder.pid} on .*-c") as caught:
        put(open_files(place, clock=clock, lock_wait_s=3), "service/a", name="a")
    assert caught.value.exit_status == 5
    assert sum(clock.slept) == pytest.approx(3, abs=0.1)
    assert open_files(place).read("service/a") is None


def test_readers_do_not_wait_for_a_writer(place: Path, store: FilesStore, holder: subprocess.Popen[str]) -> None:
    assert list(store.scan("service/")) == []
    assert store.read("service/a") is None


def test_a_lock_goes_with_its_holder(place: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    put(open_files(place, lock_wait_s=0), "service/a", name="a")


def test_an_interrupt_reaches_one_who_waits_for_the_lock(place: Path, holder: subprocess.Popen[str]) -> None:
    class Interrupting(FakeClock):
        def sleep(self, seconds: float) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            super().sleep(seconds)

    with pytest.raises(KeyboardInterrupt):
        put(open_files(place, clock=Interrupting()), "service/a", name="a")
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_signals_are_free_again_after_a_refused_write(place: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(LockTimeout):
        put(open_files(place, lock_wait_s=0), "service/a", name="a")
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


class Meddling(FakeClock):
    """A clock on which something happens when somebody sleeps for the first time."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act = act

    def sleep(self, seconds: float) -> None:
        if not self.slept:
            self._act()
        super().sleep(seconds)


def test_one_who_waits_for_a_lock_file_that_was_replaced_takes_the_new_one(
    place: Path, holder: subprocess.Popen[str]
) -> None:
    """Row 26."""
    store = open_files(place, clock=Meddling((place / "lock" / "intent").unlink))
    put(store, "service/a", name="a")
    assert (place / "lock" / "intent").exists()


def test_one_who_waits_while_the_store_is_replaced_writes_into_the_new_one(
    place: Path, holder: subprocess.Popen[str]
) -> None:
    """Row 26: the same store, restored from a copy."""
    aside = place.with_name("aside")

    def restore() -> None:
        place.rename(aside)
        shutil.copytree(aside, place)

    put(open_files(place, clock=Meddling(restore)), "service/a", name="a")
    assert (place / "services" / "a.toml").exists()
    assert not (aside / "services" / "a.toml").exists()


def test_one_who_waits_while_another_store_takes_the_place_is_refused(
    place: Path, holder: subprocess.Popen[str]
) -> None:
    """Rows 26 and 47: what was meant for one store is not written into another."""

    def swap() -> None:
        place.rename(place.with_name("aside"))
        make(place)
        mark = place / "store.toml"
        mark.write_text(mark.read_text().replace("0011", "ffff"))

    with pytest.raises(StoreError, match="another store"):
        put(open_files(place, clock=Meddling(swap)), "service/a", name="a")
    assert not (place / "services" / "a.toml").exists()


def test_a_holder_whose_lock_file_was_taken_away_changes_nothing(
    place: Path, store: FilesStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 26: two holders cannot both replace files."""
    real = mgov.store.commit.prepare

    def prepare_then_lose_lock(root: object, plan: object) -> None:
        real(root, plan)  # type: ignore[arg-type]
        (place / "lock" / "intent").unlink()

    monkeypatch.setattr(mgov.store.commit, "prepare", prepare_then_lose_lock)
    with pytest.raises(StoreError, match="lock file"):
        put(store, "service/a", name="a")
    monkeypatch.undo()
    assert store.read("service/a") is None
    put(store, "service/a", name="a")


def test_a_holder_writes_only_into_the_folder_that_it_locked(
    place: Path, store: FilesStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 26: the root is swapped in the middle of a write; the folder that came in its place stays untouched."""
    real = mgov.store.commit.put
    aside = place.with_name("aside")

    def swap_then_put(root: object, plan: object) -> None:
        place.rename(aside)
        shutil.copytree(aside, place)
        shutil.rmtree(place / "history")
        real(root, plan)  # type: ignore[arg-type]

    monkeypatch.setattr(mgov.store.commit, "put", swap_then_put)
    put(store, "service/a", name="a")
    assert (aside / "services" / "a.toml").exists()
    assert not (place / "services" / "a.toml").exists()
    assert not (place / "changes.jsonl").exists()


def test_a_program_started_under_the_lock_does_not_inherit_it(place: Path) -> None:
    """Row 27, exec: the descriptor is closed there."""
    with Lock(open_files(place).root, "intent", clock=FakeClock(), wait_s=0) as lock:
        assert not os.get_inheritable(lock._descriptor)
        assert not os.get_inheritable(lock.root.folders[""])


def test_a_forked_child_that_lives_on_does_not_keep_the_lock(place: Path) -> None:
    """Row 27, fork: the holder unlocks by name, so the child's copy of the descriptor holds nothing."""
    read_end, write_end = os.pipe()
    with Lock(open_files(place).root, "intent", clock=FakeClock(), wait_s=0):
        child = os.fork()
        if child == 0:
            os.close(write_end)
            os.read(read_end, 1)
            os._exit(0)
    os.close(read_end)
    put(open_files(place, lock_wait_s=0), "service/a", name="a")
    os.close(write_end)
    os.waitpid(child, 0)


def test_a_forked_child_that_leaves_the_block_does_not_unlock_its_parent(place: Path) -> None:
    """Row 27, fork."""
    lock = Lock(open_files(place).root, "intent", clock=FakeClock(), wait_s=0)
    with lock:
        child = os.fork()
        if child == 0:
            lock.__exit__(None, None, None)
            os._exit(0)
        os.waitpid(child, 0)
        with pytest.raises(LockTimeout):
            put(open_files(place, lock_wait_s=0), "service/a", name="a")


def test_two_threads_exclude_each_other(place: Path) -> None:
    """Row 28: a lock is bound to the open file, not to the process."""
    outcome: list[str] = []

    def write() -> None:
        try:
            put(open_files(place, lock_wait_s=0), "service/a", name="a")
        except LockTimeout:
            outcome.append("refused")

    with Lock(open_files(place).root, "intent", clock=FakeClock(), wait_s=0):
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert outcome == ["refused"]


def count_up(place: Path, processes: int, each: int) -> int:
    running = [python(_COUNT, str(place), "health/counter", str(each)) for _ in range(processes)]
    for process in running:
        _, complaint = process.communicate()
        assert process.returncode == 0, complaint
    return int(open_files(place).read("health/counter").value["n"])  # type: ignore[union-attr]


def test_a_counter_counts_every_increment_of_four_processes(place: Path) -> None:
    """Row 24, small."""
    assert count_up(place, 4, 15) == 60


@pytest.mark.slow
def test_a_counter_counts_every_increment_of_sixteen_processes(place: Path) -> None:
    """Row 24."""
    assert count_up(place, 16, 100) == 1600


def test_a_store_without_its_lock_loses_writes_and_is_caught(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant of rows 23 and 24: while one writer has read and not yet written, another one does both."""
    monkeypatch.setattr(Lock, "_try", lambda lock: True)
    one, two = open_files(place), open_files(place)
    real = mgov.store.state._put
    has_met: list[bool] = []

    def meet(*arguments: object) -> None:
        if not has_met:
            has_met.append(True)
            update(two, "health/counter", lambda value: {"n": (value or {"n": 0})["n"] + 1}, operation="count")
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(mgov.store.state, "_put", meet)
    update(one, "health/counter", lambda value: {"n": (value or {"n": 0})["n"] + 1}, operation="count")
    assert one.read("health/counter").value != {"n": 2}  # type: ignore[union-attr]


def read_while_writing(place: Path, key: str, writes: int) -> int:
    """Read as fast as possible while another process writes; return how many reads that were."""
    writer = python(_COUNT, str(place), key, str(writes))
    store = open_files(place)
    reads, newest, number = 0, 0, 0
    while writer.poll() is None:
        document = store.read(key)
        for found in [document, *store.scan(key.rpartition("/")[0] + "/")]:
            if found is not None:
                assert revision_order(found.revision) >= newest
                assert found.value["n"] >= number
                assert not found.is_held
                newest, number = revision_order(found.revision), found.value["n"]
        reads += 1
    assert writer.communicate()[1] == ""
    assert store.warnings == []  # type: ignore[attr-defined]
    assert store.damaged == []
    assert newest > 0
    return reads


def test_a_reader_sees_whole_values_whose_revisions_never_go_back(place: Path) -> None:
    """Row 29, small."""
    assert read_while_writing(place, "instance/counter/one", 40) > 20


@pytest.mark.slow
@pytest.mark.parametrize("key", ["instance/counter/one", "health/counter"])
def test_a_reader_sees_no_bad_value_during_thousands_of_writes(place: Path, key: str) -> None:
    """Row 29."""
    assert read_while_writing(place, key, 3000) > 1000


def test_a_reader_that_was_overtaken_takes_no_write_for_a_hand_edit(
    place: Path, store: FilesStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 29: the file was read, then a writer replaced it, then its history was looked at."""
    put(store, "service/a", name="a", title="old")
    real = mgov.store.definitions.history.newest
    writer = open_files(place)

    def overtaken(root: object, subject: object) -> object:
        monkeypatch.undo()
        put(writer, "service/a", name="a", title="new")
        return real(root, subject)  # type: ignore[arg-type]

    monkeypatch.setattr(mgov.store.definitions.history, "newest", overtaken)
    document = store.read("service/a")
    assert document is not None
    assert (document.value["title"], document.revision) == ("old", "1")


def test_a_file_deleted_while_it_is_listed_is_passed_over(
    place: Path, store: FilesStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "service/a", name="a")
    put(store, "service/b", name="b")
    real = os.listdir

    def list_then_delete(folder: object) -> list[str]:
        names = real(folder)  # type: ignore[call-overload]
        if "b.toml" in names:
            open_files(place).write(Write("service/b", None), operation="test")
        return names  # type: ignore[no-any-return]

    monkeypatch.setattr(os, "listdir", list_then_delete)
    assert [document.key for document in store.scan("service/")] == ["service/a"]
    assert store.damaged == []


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_network_file_system_is_refused_with_a_pointer_to_etcd(
    store: FilesStore, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(mgov.store.lock, "filesystem_of", lambda path: kind)
    with pytest.raises(StoreDenied, match=kind) as caught:
        refuse_remote(store.root)
    assert "etcd" in (caught.value.hint or "")


def test_the_file_system_of_a_folder_is_that_of_its_nearest_mount() -> None:
    assert filesystem_of("/proc/self") == "proc"


def test_a_holder_that_wrote_nothing_is_another_process() -> None:
    assert describe_holder({}) == "another process"


def test_compare_and_set_holds_between_processes(place: Path) -> None:
    one, two = open_files(place, clock=None), open_files(place)
    first = put(one, "service/a", name="a")
    two.write(Write("service/a", {"name": "a", "title": "two"}, first), operation="test")
    with pytest.raises(Conflict):
        one.write(Write("service/a", {"name": "a", "title": "one"}, first), operation="test")


