"""Waiting for a fleet, on a clock that moves by what is slept."""

import pytest

from mgov.errors import NotFound
from mgov.governance.checked import Checked
from mgov.governance.gates import unmet_lines, wait
from mgov.model.gate import Demand
from mgov.model.health import Health


def seen(status, name="a", *, is_local=False):
    return Checked("s", name, "http://x/", Health(status, False, "because", 0.0, None), is_local=is_local)


class Script:
    """Gives the looks it was given, the last one again and again; an exception is raised."""

    def __init__(self, *looks):
        self.looks, self.caps, self.lenient = list(looks), [], []

    def __call__(self, most_s, *, may_be_missing):
        self.caps.append(most_s)
        self.lenient.append(may_be_missing)
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(look, Exception):
            raise look
        return look


def test_the_gate_opens_at_the_first_look_that_is_good(clock):
    passage = wait(Script([seen("unhealthy")], [seen("healthy")]), Demand(), clock=clock, wait_s=60)
    assert (passage.is_open, passage.look_count) == (True, 2)
    assert passage.waited_s == pytest.approx(0.2)


def test_time_that_runs_out_is_said_with_what_is_in_the_way(clock):
    script = Script([seen("unhealthy"), seen("healthy", "b")])
    passage = wait(script, Demand(), clock=clock, wait_s=5)
    assert (passage.is_open, passage.is_late) == (False, True)
    assert passage.waited_s == pytest.approx(5, abs=0.01)
    assert unmet_lines(passage.ruling.unmet) == ["s/a is unhealthy: because"]
    # no probe may take longer than the time that is left
    assert script.caps == sorted(script.caps, reverse=True)
    assert script.caps[0] == pytest.approx(5)


def test_a_target_that_fails_too_often_in_a_row_ends_the_wait_early(clock):
    passage = wait(Script([seen("unhealthy")]), Demand(fail_fast=3), clock=clock, wait_s=60)
    assert (passage.is_open, passage.is_late, passage.look_count) == (False, False, 3)


def test_it_must_stay_good_for_the_stable_time(clock):
    script = Script([seen("healthy")], [seen("unhealthy")], [seen("healthy")])
    passage = wait(script, Demand(stable_s=10), clock=clock, wait_s=60)
    assert passage.is_open
    assert passage.waited_s >= 10


def test_what_could_not_be_probed_meets_nothing(clock):
    passage = wait(Script([seen("healthy", is_local=True)]), Demand(), clock=clock, wait_s=1)
    assert not passage.is_open


def test_a_service_that_nobody_registered_ends_the_wait_unless_it_is_allowed(clock):
    with pytest.raises(NotFound):
        wait(Script(NotFound("no service s")), Demand(), clock=clock, wait_s=60)
    script = Script(NotFound("no service s"), [seen("healthy")])
    assert wait(script, Demand(), clock=clock, wait_s=60, allow_missing=True).is_open


def test_gone_is_met_by_what_is_not_registered(clock):
    assert wait(Script(NotFound("gone")), Demand("gone"), clock=clock, wait_s=1, allow_missing=True).is_open


@pytest.mark.parametrize("goal", ["healthy", "gone"])
def test_what_goes_while_it_is_waited_for_is_missing_and_does_not_end_the_wait(clock, goal):
    first = seen("unhealthy" if goal == "healthy" else "healthy")
    script = Script([first], NotFound("nothing is registered"), [seen("healthy" if goal == "healthy" else "missing")])
    passage = wait(script, Demand(goal), clock=clock, wait_s=60)
    assert passage.is_open
    assert passage.look_count == {"healthy": 3, "gone": 2}[goal]
    assert script.lenient[:2] == [False, True]
