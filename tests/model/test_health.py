"""Health: what follows from what was seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.model.check import parse_check, parse_check_table, parse_check_url
from mgov.model.health import Check, HealthRecord, Heartbeat, Observation, fold, jittered, judge  # fmt: skip

HTTP = Check("http", "http://h:80/", interval_s=10.0)
observations = st.builds(
    Observation,
    st.sampled_from(("healthy", "degraded", "unhealthy")),
    st.text(max_size=3),
    st.none() | st.floats(0, 1e4),
    st.integers(0, 50).map(float),
)


def folded(seen):
    record = None
    for observation in seen:
        record = fold(record, observation)
    return record


@given(st.lists(observations, min_size=1, max_size=8))
def test_the_newest_observation_wins_in_whatever_order_they_come(seen):
    newest = max(o.checked_at for o in seen)
    record = folded(seen)
    assert record.checked_at == newest
    assert record.status in {o.status for o in seen if o.checked_at == newest}
    assert record.since <= record.checked_at


@given(st.lists(observations, min_size=1, max_size=8))
def test_an_older_observation_changes_nothing(seen):
    record = folded(seen)
    older = seen[0]._replace(checked_at=record.checked_at - 1)
    assert fold(record, older) == record


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=8))
def test_smoothed_latency_stays_between_the_smallest_and_the_largest(latencies):
    record = folded([Observation("healthy", "", ms, float(at)) for at, ms in enumerate(latencies)])
    assert min(latencies) - 1e-6 <= record.latency_ms <= max(latencies) + 1e-6


def test_a_failure_keeps_the_latency_and_a_change_of_status_starts_anew():
    record = folded([Observation("healthy", "", 4.0, 1.0), Observation("healthy", "", 4.0, 2.0),
                     Observation("unhealthy", "refused", None, 3.0)])
    assert record == HealthRecord("unhealthy", 3.0, 3.0, "refused", 4.0)


@given(st.floats(0, 100))
def test_a_result_is_stale_after_three_intervals(age):
    record = HealthRecord("healthy", 0.0, 1000.0)
    assert judge(HTTP, now=1000.0 + age, record=record).stale == (1000.0 + age - 1000.0 > 30.0)


@pytest.mark.parametrize(
    ("facts", "status", "stale"),
    [
        ({}, "starting", True),
        ({"record": HealthRecord("degraded", 0.0, 99.0)}, "degraded", False),
        ({"record": HealthRecord("healthy", 0.0, 99.0), "maintenance": ""}, "maintenance", False),
        ({"record": HealthRecord("healthy", 0.0, 99.0), "ttl_s": 5.0}, "unhealthy", False),
        ({"record": HealthRecord("healthy", 0.0, 99.0), "ttl_s": 5.0, "heartbeat": Heartbeat(98.0, 103.0)},
         "healthy", False),
        ({"record": HealthRecord("healthy", 0.0, 99.0), "ttl_s": 5.0, "heartbeat": Heartbeat(95.0, 100.0)},
         "unhealthy", False),
        ({"record": HealthRecord("healthy", 0.0, 99.0), "ttl_s": 5.0, "heartbeat": Heartbeat(98.0, 103.0, "degraded")},
         "degraded", False),
    ],
)  # fmt: skip
def test_maintenance_comes_first_then_the_heartbeat_then_what_was_seen(facts, status, stale):
    health = judge(HTTP, now=100.0, **facts)
    assert (health.status, health.stale) == (status, stale)


def test_without_a_check_the_heartbeat_speaks_and_without_both_nobody():
    none = Check("none")
    assert judge(none, now=100.0).status == "declared"
    beat = Heartbeat(98.0, 103.0, "degraded", "slow")
    assert judge(none, now=100.0, ttl_s=5.0, heartbeat=beat)[:3] == ("degraded", False, "slow")


@pytest.mark.parametrize(
    ("text", "check"),
    [("/h", ("http", "http://h:8/h")), ("tcp", ("tcp", "tcp://h:8")), ("none", ("none", "")),
     ("https://o:1/x", ("https", "https://o:1/x")), ("tcp://o:1", ("tcp", "tcp://o:1"))],
)  # fmt: skip
def test_a_check_is_read(text, check):
    assert parse_check(text, protocol="grpc", host="h", port=8)[:2] == check


@pytest.mark.parametrize("text", ["", "health", "ftp://h:1", "tcp://h:1/x", "/a b", "/a\x9b"])
def test_what_is_no_check_is_refused(text):
    with pytest.raises(UsageError):
        parse_check(text, protocol="http", host="h", port=8)


@pytest.mark.parametrize("table", [{"chek": "/"}, {"interval": 5}, {"interval": "0s"}, {"check": 5}, {"timeout": "0s"}])
def test_a_faulty_check_table_is_refused(table):
    with pytest.raises(UsageError):
        parse_check_table(table, protocol="http", host="h", port=8)


def test_a_bare_url_is_a_check_with_a_path():
    assert parse_check_url("http://h").url == "http://h:80/"
    assert parse_check_url("HTTPS://h/x?y").url == "https://h:443/x?y"


def test_an_interval_is_spread_by_a_tenth_to_both_sides():
    assert [round(jittered(10.0, draw), 6) for draw in (0.0, 0.5, 0.999999)] == [9.0, 10.0, 10.999998]
