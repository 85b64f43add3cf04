"""Durations and times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.model.units import format_age, format_duration, format_time, parse_duration, parse_interval, parse_time


@given(st.integers(0, 366 * 86_400_000))
def test_a_duration_of_whole_milliseconds_is_read_back(ms):
    assert parse_duration(format_duration(ms / 1000)) == ms / 1000


@given(st.text("0123456789.hmsd ", max_size=8))
def test_what_is_parsed_is_formatted_and_parsed_to_the_same(text):
    try:
        seconds = parse_duration(text)
    except UsageError:
        return
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("10s", 10), ("1h30m", 5400), ("1.5s", 1.5), ("7d", 604800)]
)
def test_a_duration_is_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.25, "250ms"), (0.9996, "1s"), (1.6, "1.6s"), (35.996, "35.996s"), (61.5, "1m1.5s"), (90, "1m30s"),
     (3600.25, "1h0.25s"), (86400, "1d"), (1000, "16m40s")],
)  # fmt: skip
def test_a_duration_is_written_as_a_person_would_write_it(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    "text", ["", "10", "s", "1x", "-1s", "1.2.3s", ".s", "1s2", "1e3s", "9" * 400 + "s", "٣s", "367d"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError):
        parse_duration(text)


def test_an_interval_that_would_spin_is_refused():
    assert parse_interval("100ms") == 0.1
    with pytest.raises(UsageError):
        parse_interval("99ms")


@given(st.integers(-62135596800, 253402300799))
def test_a_time_is_read_back(at):
    assert parse_time(format_time(at)) == at


@pytest.mark.parametrize(
    "text", ["", "now", "2026-01-02T03:04:05", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+01:00"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UsageError):
        parse_time(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0s"), (59.9, "59s"), (60, "1m"), (7200, "2h"), (100000, "27h"), (172800, "2d")]
)
def test_an_age_has_one_unit(seconds, text):
    assert format_age(seconds) == text
