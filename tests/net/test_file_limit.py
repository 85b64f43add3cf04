"""FAULTS.md row 14: a sweep with too few file descriptors. In a child process, for a hard limit cannot be raised."""

from __future__ import annotations

import subprocess
import sys

CHILD = """
import resource, sys
soft, hard, take, concurrency, url = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from mgov.net.sweep import Target, sweep_now
held = []
try:
    while len(held) < take:
        held.append(open("/dev/null"))
except OSError:
    pass
seen = sweep_now([Target(url)] * 300, concurrency=int(concurrency) if concurrency != "-" else None)
held.clear()
print(sum(one.status_code == 200 for one in seen), sum(one.is_local for one in seen), len(seen),
      resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def sweep_in_child(soft: int, hard: int, take: int, concurrency: str, url: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(soft), str(hard), str(take), concurrency, url],
        check=True, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)},
    )
    return [int(word) for word in done.stdout.split()]


def test_concurrency_stays_below_a_hard_file_limit_and_every_target_is_answered(hostile):
    assert sweep_in_child(80, 80, 0, "1000", hostile.url("/ok")) == [300, 0, 300, 80]


def test_the_soft_limit_is_raised_towards_the_hard_one(hostile):
    assert sweep_in_child(70, 400, 0, "100", hostile.url("/ok")) == [300, 0, 300, 164]


def test_when_others_hold_the_descriptors_probes_wait_for_each_other_and_none_is_blamed(hostile):
    assert sweep_in_child(128, 128, 110, "64", hostile.url("/ok")) == [300, 0, 300, 128]


def test_with_no_descriptor_left_at_all_every_target_is_a_local_error(hostile):
    assert sweep_in_child(90, 90, 1000, "-", hostile.url("/ok")) == [0, 300, 300, 90]
