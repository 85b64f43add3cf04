"""Many processes that change one configuration at the same moment: none loses anything, none makes a number twice."""

import os
import random
import select
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mgov import Platform

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from mgov import Platform
path, name, count = sys.argv[1:]
with Platform.open(path, actor=name, lock_wait_s=120) as platform:
    for number in range(int(count)):
        done = platform.configs.set("orders", {name: number}, environment="prod")
        print(done.after, flush=True)
"""


@pytest.mark.slow
def test_sixteen_processes_with_a_hundred_sets_each_make_sixteen_hundred_versions(store_path):
    """Rows 23 and 24 of the fault table, on versions."""
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, store_path, f"w{i}", "100"], stdout=subprocess.PIPE, text=True,
                         env={**os.environ, "PYTHONPATH": str(ROOT)})
        for i in range(16)
    ]  # fmt: skip
    made = [int(line) for process in processes for line in process.communicate()[0].split()]
    assert [process.returncode for process in processes] == [0] * 16
    assert sorted(made) == list(range(1, 1601))
    with Platform.open(store_path) as platform:
        configs = platform.configs
        assert configs.versions("orders", environment="prod") == list(range(1, 1601))
        before = {}
        for version in reversed(configs.history("orders", environment="prod", limit=None)):
            assert version.values == {**before, version.author: before.get(version.author, -1) + 1}
            before = version.values
        assert before == {f"w{i}": 99 for i in range(16)}
        assert platform.check() == []
        logged = [change.key for change in platform.store.changes()]
    assert logged == [f"config/orders/prod/{number:06d}" for number in range(1, 1601)]


ENDLESS = """
import os, sys
from mgov import Platform
path, name, acks = sys.argv[1:]
out = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
with Platform.open(path, actor=name, lock_wait_s=120, warn=lambda text: None) as platform:
    number = int((os.stat(acks).st_size or 0) > 0 and open(acks).read().split()[-1])
    while True:
        number += 1
        done = platform.configs.set("orders", {name: number}, environment="prod")
        if not done.is_unchanged:               # it is where the one before was killed before it could note it
            os.write(out, f"{done.after} {number}\\n".encode())
"""


def acknowledged(file):
    lines = file.read_text().splitlines() if file.exists() else []
    return [tuple(map(int, line.split())) for line in lines]


@pytest.mark.slow
def test_writers_that_are_killed_at_any_moment_lose_no_version_that_was_acknowledged(store_path, tmp_path):
    """Rows 1 and 2 of the fault table, on versions."""
    draw = random.Random(20261124)
    files = {f"w{i}": tmp_path / f"w{i}" for i in range(4)}
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}

    def start(name):
        return subprocess.Popen([sys.executable, "-c", ENDLESS, store_path, name, str(files[name])], env=environ)

    running = {name: start(name) for name in files}
    kill_count, before = 0, dict.fromkeys(files, 0)
    try:
        while kill_count < 24:
            select.select([], [], [], draw.uniform(0.01, 0.06))
            name = draw.choice(sorted(files))
            assert running[name].poll() is None
            if len(acknowledged(files[name])) > before[name]:           # it writes: one that starts up proves nothing
                running[name].send_signal(signal.SIGKILL)
                running[name].wait()
                before[name] = len(acknowledged(files[name]))
                running[name] = start(name)
                kill_count += 1
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    with Platform.open(store_path, warn=lambda text: None) as platform:
        configs = platform.configs
        configs.set("orders", {"last": True}, environment="prod")
        versions = configs.versions("orders", environment="prod")
        assert versions == list(range(1, len(versions) + 1))
        values = {v.number: v.values for v in configs.history("orders", environment="prod", limit=None)}
        acks = {(number, name): value for name, file in files.items() for number, value in acknowledged(file)}
        assert len({number for number, _ in acks}) == len(acks) > 24
        assert [ack for ack, value in acks.items() if values[ack[0]][ack[1]] != value] == []
        logged = Counter(change.key for change in platform.store.changes())
        assert logged == Counter(f"config/orders/prod/{number:06d}" for number in versions)
        assert [finding for finding in platform.check() if not finding.path.endswith(".tmp")] == []
