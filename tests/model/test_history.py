"""What is kept of an instance's past, and what is read from it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.model import history
from mgov.model.history import HOUR_S, Hour, Recent, Sample, add, fold, percentile, sparkline, summarize


def after(*samples):
    recent, hours = Recent(), ()
    for sample in samples:
        recent, ended = add(recent, sample)
        if ended is not None:
            hours = fold(hours, ended)
    return recent, hours


def test_the_last_twenty_samples_are_kept_oldest_first():
    recent, _ = after(*(Sample(i * 60.0, "healthy", 1.0) for i in range(30)))
    assert [sample.at for sample in recent.samples] == [i * 60.0 for i in range(10, 30)]


def test_a_transition_is_kept_for_each_change_of_status_and_none_between():
    statuses = ("healthy", "healthy", "unhealthy", "healthy")
    recent, _ = after(*(Sample(i * 60.0, status) for i, status in enumerate(statuses)))
    assert [(t.before, t.after) for t in recent.transitions] == [
        ("", "healthy"), ("healthy", "unhealthy"), ("unhealthy", "healthy")]


def test_a_sample_older_than_the_newest_changes_nothing():
    recent, _ = after(Sample(10.0, "healthy"))
    assert add(recent, Sample(9.0, "unhealthy")) == (recent, None)


def test_two_samples_of_one_status_within_a_minute_count_once():
    recent, _ = after(Sample(0.0, "healthy"), Sample(59.0, "healthy"), Sample(59.5, "unhealthy"))
    assert [sample.at for sample in recent.samples] == [0.0, 59.5]


def test_an_hour_that_ended_is_folded_and_a_week_is_kept():
    recent, hours = after(*(Sample(i * HOUR_S, "healthy", 5.0) for i in range(200)))
    assert len(hours) == 168
    assert (hours[0].number, hours[-1].number, recent.hour.number) == (31, 198, 199)


def test_the_same_hour_folded_twice_adds_up():
    first, second = Hour(7, 2, 1, {3: 1}), Hour(7, 1, 1, {3: 1, 4: 1})
    assert fold((first,), second) == (Hour(7, 3, 2, {3: 2, 4: 1}),)


def test_availability_is_the_share_of_samples_that_were_up():
    now = 1000 * HOUR_S + 60.0
    down_yesterday = [Sample(now - 30 * HOUR_S + i * 60, "unhealthy") for i in range(2)]
    today = [Sample(now - 40, "healthy", 1.0), Sample(now - 30, "degraded", 1.0), Sample(now - 20, "unhealthy")]
    recent, hours = after(*down_yesterday, *today)
    summary = summarize(recent, hours, now=now)
    assert summary.up_1h == pytest.approx(2 / 3)
    assert summary.up_24h == pytest.approx(2 / 3)
    assert summary.up_7d == pytest.approx(2 / 5)


def test_an_outage_of_this_hour_counts_when_it_is_older_than_the_last_samples():
    begin = 1000 * HOUR_S + 1800.0
    minutes = [Sample(begin + i * 60, "unhealthy" if i < 15 else "healthy") for i in range(60)]
    recent, hours = after(*minutes)
    assert {sample.status for sample in recent.samples} == {"healthy"}
    assert summarize(recent, hours, now=begin + 3600).up_1h == pytest.approx(45 / 60, abs=0.15)
    full = [Sample(1000 * HOUR_S + i * 60, "unhealthy" if i < 15 else "healthy") for i in range(60)]
    recent, hours = after(*full)
    assert summarize(recent, hours, now=1001 * HOUR_S - 1).up_1h == pytest.approx(45 / 60)


def test_without_samples_nothing_is_claimed():
    assert summarize(Recent(), (), now=0.0) == (None,) * 6


@given(st.lists(st.floats(0.011, 60_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_right_to_within_a_tenth(latencies, q):
    counted = {}
    for latency in latencies:
        place = history.latency_class(latency)
        counted[place] = counted.get(place, 0) + 1
    exact = sorted(latencies)[max(0, -int(-q * len(latencies) // 1)) - 1]
    assert percentile(counted, q) == pytest.approx(exact, rel=0.1)


def test_what_is_written_is_read_back():
    recent, hours = after(*(Sample(i * 1000.0, "healthy", i + 0.5) for i in range(9)))
    text = json.dumps([history.recent_value(recent), [history.hour_value(hour) for hour in hours]])
    value, folded = json.loads(text)
    assert history.recent_from(value) == recent
    assert tuple(history.hour_from(fields) for fields in folded) == hours
    assert history.recent_from({}) == Recent()


def test_a_sparkline_has_one_sign_per_sample():
    assert sparkline([Sample(1, "healthy", 1.0), Sample(2, "healthy", 8.0), Sample(3, "unhealthy"),
                      Sample(4, "degraded", 2.0)]) == "▂█x!"
