"""A burst of changes is told once, and not put off for ever."""

import pytest

from mgov.errors import UsageError
from mgov.model.quiesce import Quiesce, parse_quiesce


def test_a_burst_is_due_after_the_quiet_and_at_the_latest_after_the_longest():
    quiesce = Quiesce(1.0, 5.0)
    assert quiesce.due_at(100.0, 100.0) == 101.0
    assert quiesce.due_at(100.0, 103.0) == 104.0
    assert quiesce.due_at(100.0, 104.9) == 105.0


def test_what_is_not_said_is_five_times_as_long():
    assert (parse_quiesce("1s:5s"), parse_quiesce("200ms")) == (Quiesce(1.0, 5.0), Quiesce(0.2, 1.0))


@pytest.mark.parametrize("text", ["5s:1s", "", "1s:", ":5s", "x"])
def test_what_makes_no_sense_is_refused(text):
    with pytest.raises(UsageError):
        parse_quiesce(text)
