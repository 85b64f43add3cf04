"""What the instances of a service are together."""

from mgov.model.health import Health
from mgov.model.standing import standing_of, statistics_of


def health(status, since=None, *, reason="", checked_at=None, stale=False):
    return Health(status, stale, reason, checked_at, None, since)


def test_a_service_fails_since_the_last_of_its_instances_went_and_names_the_first():
    standing = standing_of("orders", [
        ("a", health("unhealthy", 200.0, reason="timeout", checked_at=210.0)),
        ("b", health("unhealthy", 100.0, reason="refused", checked_at=205.0)),
        ("c", health("maintenance")),
    ])  # fmt: skip
    assert (standing.status, standing.is_failing, standing.since) == ("unhealthy", True, 200.0)
    assert (standing.worst, standing.reason, standing.checked_at) == ("b", "refused", 205.0)
    assert (standing.total, standing.counts) == (3, {"unhealthy": 2, "maintenance": 1})


def test_a_service_with_one_that_serves_fails_in_part_since_the_first_got_worse():
    standing = standing_of("orders", [
        ("a", health("unhealthy", 200.0, reason="timeout")),
        ("b", health("healthy", 50.0)),
        ("c", health("unhealthy", 100.0, reason="refused")),
    ])  # fmt: skip
    assert (standing.status, standing.is_failing, standing.is_troubled) == ("degraded", False, True)
    assert (standing.since, standing.reason) == (100.0, "refused")


def test_a_service_is_well_since_the_last_of_its_instances_got_well():
    standing = standing_of("orders", [("a", health("healthy", 10.0)), ("b", health("healthy", 30.0))])
    assert (standing.status, standing.since, standing.reason) == ("healthy", 30.0, "")


def test_a_service_whose_beginning_nobody_knows_has_none():
    standing = standing_of("worker", [("a", health("unhealthy", reason="no heartbeat yet"))])
    assert (standing.is_failing, standing.since, standing.reason) == (True, None, "no heartbeat yet")


def test_a_service_without_instances_is_empty():
    assert standing_of("orders", []).status == "empty"


def test_old_looks_make_it_stale_but_one_that_only_starts_does_not():
    assert standing_of("orders", [("a", health("unhealthy", 1.0, stale=True))]).is_stale
    assert not standing_of("orders", [("a", health("starting", stale=True))]).is_stale


def test_statistics_count_healthy_and_unhealthy_by_service():
    found = statistics_of([
        standing_of("a", [("1", health("healthy")), ("2", health("unhealthy"))]),
        standing_of("b", [("1", health("degraded"))]),
        standing_of("c", []),
    ])  # fmt: skip
    assert found == {
        "total_services": 3,
        "total_instances": 3,
        "healthy_instances": 1,
        "services": {
            "a": {"total": 2, "healthy": 1, "unhealthy": 1},
            "b": {"total": 1, "healthy": 0, "unhealthy": 0},
            "c": {"total": 0, "healthy": 0, "unhealthy": 0},
        },
    }
