"""The order of system calls of one durable write: what must be on the disk before what.

open temp, write, fsync, rename, fsync of the folder, append to the log, fdatasync: a power cut between any two then
finds a whole file. Each mutant takes one of them away, and the check must notice.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from storekit import open_files, put

import mgov.store.folder
import mgov.store.log
import mgov.store.plan
from mgov.store.files import FilesStore

ROOT = Path(__file__).resolve().parents[2]
ORDER = ["open .a.toml.tmp", "write .a.toml.tmp", "fsync .a.toml.tmp", "rename a.toml", "fsync services",
         "write changes.jsonl", "fdatasync changes.jsonl"]
_WRITE_ONE = """
import sys
from mgov.clock import SystemClock
from mgov.store.base import Write
from mgov.store.files import FilesStore
from mgov.store.root import open_root
store = FilesStore(open_root(sys.argv[1]), clock=SystemClock(), actor="tester", warn=print)
store.write(Write("service/a", {"name": "a", "title": "traced"}), operation="test")
"""


class Tracer:
    """Notes what the store asks of the operating system, with the names behind the descriptors."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self._names: dict[int, str] = {}
        for name in ("open", "write", "fsync", "fdatasync", "replace"):
            patch.setattr(os, name, self._wrap(name, getattr(os, name)))
        patch.setattr(os, "dup", self._wrap_dup(os.dup))

    def _wrap_dup(self, real: Callable[[int], int]) -> Callable[[int], int]:
        def named(descriptor: int) -> int:
            result = real(descriptor)
            self._names[result] = self._names.get(descriptor, "?")
            return result

        return named

    def _wrap(self, name: str, real: Callable[..., int]) -> Callable[..., int]:
        def traced(*args: object, **options: object) -> int:
            result = real(*args, **options)
            if name == "open":
                self._names[result] = str(args[0])
            label = self._names.get(args[0], "?") if name in ("write", "fsync", "fdatasync") else str(args[-1])  # type: ignore[call-overload]
            if name == "open":
                label = str(args[0])
            self.events.append(f"{'rename' if name == 'replace' else name} {label}")
            return result

        return traced


def violations(events: list[str]) -> list[str]:
    """The steps of ORDER that are missing from `events`, or come too early."""
    missing, start = [], 0
    for step in ORDER:
        if step in events[start:]:
            start = events.index(step, start) + 1
        else:
            missing.append(step)
    return missing


def traced_write(store: FilesStore) -> list[str]:
    put(store, "service/a", name="a", title="before")
    with pytest.MonkeyPatch.context() as patch:
        tracer = Tracer(patch)
        put(store, "service/a", name="a", title="after")
    return tracer.events


def test_one_write_flushes_each_thing_before_the_next_depends_on_it(store: FilesStore) -> None:
    assert violations(traced_write(store)) == []


def test_the_file_is_renamed_only_behind_its_flush(store: FilesStore) -> None:
    events = traced_write(store)
    assert events.index("fsync .a.toml.tmp") < events.index("rename a.toml")
    assert events.count("rename a.toml") == 1


class Forgetful:
    """The os module, with one call that does nothing."""

    def __init__(self, call: str) -> None:
        self._call = call

    def __getattr__(self, name: str) -> object:
        return (lambda descriptor: None) if name == self._call else getattr(os, name)


@pytest.mark.parametrize(
    ("module", "call", "missed"),
    [(mgov.store.folder, "fsync", "fsync .a.toml.tmp"), (mgov.store.plan, "fsync", "fsync services"),
     (mgov.store.log, "fdatasync", "fdatasync changes.jsonl")],
)
def test_a_store_that_skips_one_flush_is_caught(
    store: FilesStore, monkeypatch: pytest.MonkeyPatch, module: ModuleType, call: str, missed: str
) -> None:
    """Mutant: one module flushes nothing."""
    monkeypatch.setattr(module, "os", Forgetful(call))
    assert missed in violations(traced_write(store))


def test_a_store_that_renames_before_it_flushes_is_caught(store: FilesStore) -> None:
    """Mutant: two steps change places."""
    events = traced_write(store)
    a, b = events.index("fsync .a.toml.tmp"), events.index("rename a.toml")
    events[a], events[b] = events[b], events[a]
    assert violations(events)


def test_state_is_written_without_waiting_for_the_disk(store: FilesStore) -> None:
    put(store, "health/a", status="healthy")
    with pytest.MonkeyPatch.context() as patch:
        tracer = Tracer(patch)
        put(store, "health/a", status="unhealthy")
    assert not [event for event in tracer.events if event.startswith(("fsync", "fdatasync"))]


def test_the_kernel_sees_the_same_order(place: Path, require: Callable[[str], str]) -> None:
    """The calls as strace reports them, from a process of its own."""
    strace = require("strace")
    put(open_files(place), "service/a", name="a", title="before")
    calls = "trace=openat,write,fsync,fdatasync,rename,renameat,renameat2"
    report = place.parent / "strace.txt"
    subprocess.run(
        [strace, "-y", "-e", calls, "-o", str(report), sys.executable, "-c", _WRITE_ONE, str(place)],
        check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60,
    )
    assert violations([_event(line) for line in report.read_text().splitlines()]) == []


def _event(line: str) -> str:
    call = line.partition("(")[0].replace("renameat2", "rename").replace("renameat", "rename").replace("openat", "open")
    if call in ("open", "rename"):
        quoted = re.findall(r'"([^"]*)"', line)
        return f"{call} {os.path.basename(quoted[-1])}" if quoted else line
    behind = re.search(r"\((?:\d+)<([^>]*)>", line)
    return f"{call} {os.path.basename(behind[1])}" if behind else line
