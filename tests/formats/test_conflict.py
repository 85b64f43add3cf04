"""Files that git left with two sides: each side whole, and what is no conflict refused."""

import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mgov.formats.conflict import is_conflict, sides

LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c = 1\n", b"\n", b"= 7\n", b"< x\n"]), max_size=8).map(b"".join)


def test_what_both_say_belongs_to_each_side():
    data = b"head\n<<<<<<< HEAD\nour\n=======\ntheir\n>>>>>>> other\ntail\n"
    assert sides(data) == (b"head\nour\ntail\n", b"head\ntheir\ntail\n")


def test_what_both_began_from_belongs_to_neither():
    data = b"<<<<<<< a\nour\n||||||| b\nbefore\n=======\ntheir\n>>>>>>> c\n"
    assert sides(data) == (b"our\n", b"their\n")


@pytest.mark.parametrize("data", [
    b"", b"a = 1\n", b"=======\n", b"<<<<<<< a\n", b"<<<<<<< a\n>>>>>>> b\n", b"<<<<<<< a\n=======\n",
    b">>>>>>> b\n", b"<<<<<<< a\n<<<<<<< a\n=======\n>>>>>>> b\n", b"x = '<<<<<<< a'\n",
])
def test_marks_that_are_none_or_not_in_order_have_no_sides(data):
    assert sides(data) is None


def test_a_mark_within_a_line_is_none():
    assert not is_conflict(b"x = '<<<<<<< a'\n")


@given(LINES, LINES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_gits_own_conflicts_are_taken_apart(tmp_path, require, ours, theirs):
    git, folder = require("git"), tmp_path
    for name, data in (("ours", ours), ("theirs", theirs), ("empty", b"")):
        (folder / name).write_bytes(data)
    merged = subprocess.run([git, "merge-file", "-p", "ours", "empty", "theirs"], cwd=folder, capture_output=True,
                            check=False)
    if is_conflict(merged.stdout):
        assert sides(merged.stdout) == (ours, theirs)
