"""What sweeps leave behind: thresholds, the past of an instance, and who may run what."""

from pathlib import Path

import pytest

from mgov.governance.manner import Manner
from mgov.governance.observed import Thresholds
from mgov.model.registration import Registration

THREE = Thresholds(rise=2, fall=3)


@pytest.fixture
def orders(platform, server):
    platform.registry.register("orders", server.url, fields=Registration(health="/"))
    return server


def look(platform, clock, thresholds, *, after=61.0):
    clock.advance(after)
    (result,) = platform.monitor.sweep(["orders"], Manner(thresholds=thresholds))
    return result.health.status


def test_a_status_gets_worse_only_after_fall_and_better_after_rise_looks_in_a_row(platform, clock, orders):
    assert look(platform, clock, THREE) == "healthy"
    orders.status = 500
    assert [look(platform, clock, THREE) for _ in range(2)] == ["healthy", "healthy"]
    orders.status = 200
    assert look(platform, clock, THREE) == "healthy"
    # the count begins again after a good look
    orders.status = 500
    assert [look(platform, clock, THREE) for _ in range(3)] == ["healthy", "healthy", "unhealthy"]
    orders.status = 200
    assert [look(platform, clock, THREE) for _ in range(2)] == ["unhealthy", "healthy"]


def test_one_shot_believes_what_it_sees(platform, clock, orders):
    assert look(platform, clock, Thresholds()) == "healthy"
    orders.status = 500
    assert look(platform, clock, Thresholds()) == "unhealthy"


def test_the_reason_says_how_many_more_looks_it_takes(platform, clock, orders):
    look(platform, clock, THREE)
    orders.status = 500
    look(platform, clock, THREE)
    (member,) = platform.discovery.members("orders", probe=False)
    assert member.health.reason == (
        "healthy until 3 in a row say unhealthy (1 so far: HTTP 500 Internal Server Error)")


def test_the_past_keeps_samples_transitions_and_hours(platform, clock, orders):
    for status in (200, 200, 500, 200):
        orders.status = status
        look(platform, clock, Thresholds())
    look(platform, clock, Thresholds(), after=3600.0)
    past = platform.past("orders")[orders.id]
    statuses = ["healthy", "healthy", "unhealthy", "healthy", "healthy"]
    assert [sample.status for sample in past.recent.samples] == statuses
    assert [t.after for t in past.recent.transitions] == ["healthy", "unhealthy", "healthy"]
    assert sum(hour.total for hour in past.hours) == 4
    assert sum(hour.up for hour in past.hours) == 3


def test_a_deregistered_instance_leaves_no_past(platform, clock, orders):
    look(platform, clock, Thresholds())
    platform.registry.deregister("orders", orders.id)
    assert platform.past("orders") == {}


def test_a_command_of_a_store_runs_only_where_it_is_trusted(platform, clock, tmp_path, monkeypatch):
    touched = tmp_path / "ran"
    command = Registration(id="o-1", ttl_s=60.0, health=f"command:touch {touched}")
    platform.registry.register("orders", fields=command)
    platform.registry.heartbeat("orders")
    (result,) = platform.monitor.sweep(["orders"])
    assert (result.is_local, result.health.reason) == (True, "its command may not run here: mgov trust")
    assert not touched.exists()
    monkeypatch.setenv("MGOV_TRUST", platform.store.id)
    (result,) = platform.monitor.sweep(["orders"])
    assert (result.health.status, result.health.reason) == ("healthy", "exit 0")
    assert touched.exists()


def test_a_look_within_the_minute_of_the_last_sample_writes_no_history(platform, clock, orders):
    look(platform, clock, Thresholds())
    (document,) = platform.store.scan("recent/")
    look(platform, clock, Thresholds(), after=5.0)
    assert list(platform.store.scan("recent/")) == [document]
    look(platform, clock, Thresholds(), after=60.0)
    (later,) = platform.store.scan("recent/")
    assert later.revision != document.revision


def bytes_kept(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def test_an_endpoint_that_flaps_at_each_probe_keeps_its_status_and_fills_no_disk(platform, clock, orders, store_path):
    def flap(count, thresholds):
        seen = []
        for turn in range(count):
            orders.status = 500 if turn % 2 else 200
            seen.append(look(platform, clock, thresholds, after=0.5))
        return seen

    assert set(flap(40, THREE)) == {"healthy"}
    # without thresholds each probe is a transition
    assert flap(60, Thresholds()) == ["healthy", "unhealthy"] * 30
    before = bytes_kept(store_path)
    flap(200, Thresholds())
    assert len(platform.past("orders")[orders.id].recent.transitions) == 20
    assert bytes_kept(store_path) - before < 256


def test_what_flaps_below_the_thresholds_is_no_transition_and_shows_in_the_samples(platform, clock, orders):
    for status in (200, 500, 200, 500, 500, 200):
        orders.status = status
        look(platform, clock, THREE)
    past = platform.past("orders")[orders.id].recent
    assert [t.after for t in past.transitions] == ["healthy"]
    assert [s.status for s in past.samples] == ["healthy", "unhealthy"] * 2 + ["unhealthy", "healthy"]


def test_a_transition_that_thresholds_allow_within_a_minute_is_kept(platform, clock, orders):
    for status in (200, 500, 500, 500):
        orders.status = status
        look(platform, clock, THREE, after=5.0)
    past = platform.past("orders")[orders.id].recent
    assert [(t.before, t.after) for t in past.transitions] == [("", "healthy"), ("healthy", "unhealthy")]


def test_what_a_clock_saw_that_was_ahead_is_stale_and_the_next_look_takes_its_place(platform, clock, orders):
    clock.jump(86_400.0)
    orders.status = 500
    assert look(platform, clock, Thresholds()) == "unhealthy"
    clock.jump(-86_400.0)
    (member,) = platform.discovery.members("orders", probe=False)
    assert member.health.stale
    orders.status = 200
    assert look(platform, clock, Thresholds()) == "healthy"
    (member,) = platform.discovery.members("orders", probe=False)
    assert (member.health.stale, member.health.checked_at, member.health.since <= clock.now()) == (
        False, clock.now(), True)
    past = platform.past("orders")[orders.id].recent
    assert [(sample.status, sample.at) for sample in past.samples][-1] == ("healthy", clock.now())


def test_a_sweep_of_all_by_a_clock_that_was_ahead_confirms_nothing(platform, clock, orders):
    clock.jump(86_400.0)
    platform.monitor.sweep()
    clock.jump(-86_400.0)
    platform.monitor.sweep(["orders"])
    (member,) = platform.discovery.members("orders", probe=False)
    assert (member.health.stale, member.health.checked_at) == (False, clock.now())
