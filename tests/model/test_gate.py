"""The gate: what opens it, what shuts it, what it waits for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.model.gate import OPEN, SHUT, WAITING, Demand, Look, Progress, parse_goal, parse_minimum, rule

UP, DOWN = Look("a", "healthy"), Look("b", "unhealthy", "refused")
SLOW, AWAY, LOST = Look("c", "degraded"), Look("d", "maintenance"), Look("e", "missing")


def state(demand, *looks, progress=None, now=0.0):
    return rule(demand, looks, progress or Progress(), now=now).state


@pytest.mark.parametrize(("demand", "looks", "expected"), [
    (Demand(), (UP,), OPEN),
    (Demand(), (UP, DOWN), WAITING),
    (Demand(), (UP, SLOW), WAITING),
    (Demand("degraded"), (UP, SLOW), OPEN),
    (Demand(), (Look("x", "declared"),), OPEN),
    (Demand(), (AWAY,), WAITING),
    (Demand("gone"), (DOWN, AWAY), OPEN),
    (Demand("gone"), (LOST,), OPEN),
    (Demand("gone"), (LOST, UP), WAITING),
    (Demand(), (LOST, UP), WAITING),
    (Demand(fail_fast=1), (LOST, UP), WAITING),
    (Demand("gone"), (), OPEN),
    (Demand(), (), WAITING),
    (Demand("gone"), (UP, DOWN), WAITING),
    (Demand(at_least=1), (UP, DOWN), OPEN),
    (Demand(at_least=2), (UP, DOWN), WAITING),
    (Demand(at_least=2), (UP,), WAITING),
    (Demand(share=0.5), (UP, DOWN), OPEN),
    (Demand(share=0.5), (UP, DOWN, DOWN), WAITING),
])
def test_a_gate_opens_when_enough_targets_are_met(demand, looks, expected):
    assert state(demand, *looks) == expected


def test_a_gate_opens_only_after_it_was_met_for_the_whole_stable_time():
    demand = Demand(stable_s=10)
    first = rule(demand, (UP,), Progress(), now=100)
    assert first.state == WAITING
    # a single miss starts the time again
    missed = rule(demand, (Look("a", "unhealthy"),), first.progress, now=105)
    again = rule(demand, (UP,), missed.progress, now=106)
    assert rule(demand, (UP,), again.progress, now=115.9).state == WAITING
    assert rule(demand, (UP,), again.progress, now=116).state == OPEN


def test_fail_fast_shuts_the_gate_after_so_many_misses_of_one_target_in_a_row():
    demand = Demand(fail_fast=2)
    first = rule(demand, (UP, DOWN), Progress(), now=0)
    assert first.state == WAITING
    assert rule(demand, (UP, DOWN), first.progress, now=1).state == SHUT
    # another target's miss does not add up
    assert rule(demand, (UP, Look("z", "unhealthy")), first.progress, now=1).state == WAITING


def test_the_targets_in_the_way_are_named_with_their_reason():
    ruling = rule(Demand(), (UP, DOWN, SLOW), Progress(), now=0)
    assert (ruling.met_count, ruling.needed, ruling.unmet) == (1, 3, (DOWN, SLOW))


@pytest.mark.parametrize(("text", "expected"), [("2", (2, None)), ("50%", (None, 0.5)), ("100%", (None, 1.0))])
def test_a_minimum_is_a_count_or_a_share(text, expected):
    assert parse_minimum(text) == expected


@pytest.mark.parametrize("text", ["0", "-1", "101%", "half", "", "%", "1.5"])
def test_what_is_no_minimum_is_refused(text):
    with pytest.raises(UsageError):
        parse_minimum(text)


def test_what_cannot_be_waited_for_is_refused():
    with pytest.raises(UsageError, match="--for takes healthy, degraded or gone, not 'up'"):
        parse_goal("up")


@given(st.integers(1, 1000), st.integers(1, 100))
def test_a_share_needs_at_least_its_part_and_never_more_than_all(count, percent):
    needed = Demand(share=percent / 100).needed(count)
    assert 1 <= needed <= count
    assert needed >= percent * count / 100 - 1e-6
