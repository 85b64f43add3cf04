"""Many processes that change one configuration at the same moment: none loses anything, none makes a number twice."""

import os
import subprocess
import sys
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
