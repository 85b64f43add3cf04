"""Discovery: which instances may be used, when they are probed first, and which one is picked."""

import pytest
from loopback import Loopback

from mgov.errors import DeadlineExceeded, NoneHealthy, NotFound, UsageError
from mgov.governance.discovery import Discovery, Filter
from mgov.governance.platform import Platform
from mgov.model.registration import Registration
from mgov.store.base import Write

NEVER = 'discovery must not probe here'


def add(platform, port, status=None, *, name="orders", latency_ms=1.0, **fields):
    """An instance at `port`, and what a look at it would have left."""
    platform.registry.register(name, f"http://127.0.0.1:{port}", fields=Registration(id=f"i{port}", **fields))
    if status is not None:
        now = platform.clock.now()
        before = platform.store.read(f"health/{name}")
        seen = dict(before.value["instances"]) if before else {}
        record = {"status": status, "since": now, "checked_at": now, "reason": status, "latency_ms": latency_ms}
        seen[f"i{port}"] = record
        platform.store.write(Write(f"health/{name}", {"written_at": now, "instances": seen}), operation="sweep")


def ids(members):
    return [m.instance.id for m in members]


def discovery_without_network(platform, on_probe=None, draw=lambda: 0.5):
    """A discovery whose probing is a call to `on_probe`."""

    def probe(name):
        assert on_probe is not None, NEVER
        on_probe(name)

    return Discovery(platform.store, platform.clock, probe, draw)


def test_only_healthy_and_declared_instances_are_found(platform):
    for port, status in enumerate(("healthy", "unhealthy", "degraded"), 1):
        add(platform, port, status)
    add(platform, 4, health="none")
    add(platform, 5, "healthy")
    platform.registry.maintain("orders", "i5")
    discovery = discovery_without_network(platform)
    assert ids(discovery.find("orders")) == ["i1", "i4"]
    assert ids(discovery.find("orders", include_all=True)) == ["i1", "i2", "i3", "i4", "i5"]


def test_a_degraded_instance_is_given_only_when_nothing_is_better(platform):
    add(platform, 1, "degraded")
    add(platform, 2, "unhealthy")
    discovery = discovery_without_network(platform)
    assert ids(discovery.find("orders")) == ["i1"]
    add(platform, 3, "healthy")
    assert ids(discovery.find("orders")) == ["i3"]


def test_without_a_usable_instance_each_reason_is_told(platform):
    add(platform, 1, "unhealthy")
    add(platform, 2, "healthy")
    platform.registry.maintain("orders", "i2", reason="disk")
    with pytest.raises(NoneHealthy) as none:
        discovery_without_network(platform).find("orders")
    assert none.value.exit_status == 6
    assert none.value.message == (
        "no instance of orders may be used: i1 unhealthy (unhealthy), i2 maintenance (disk)")


def test_a_service_without_instances_is_known_and_has_none(platform):
    platform.registry.register("orders")
    with pytest.raises(NoneHealthy, match="orders has no instances") as none:
        platform.discovery.find("orders")
    assert none.value.hint == "mgov register orders URL"
    assert platform.discovery.find("orders", include_all=True) == []


def test_an_unknown_service_is_not_found_with_the_one_meant(platform):
    platform.registry.register("orders")
    with pytest.raises(NotFound) as missing:
        platform.discovery.find("order")
    assert (missing.value.exit_status, missing.value.hint) == (3, "did you mean orders?")


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (Filter(tags=("a",)), ["i1", "i2"]),
        (Filter(tags=("a", "b")), ["i1"]),
        (Filter(region="eu"), ["i1"]),
        (Filter(zone="z"), ["i2"]),
        (Filter(version="^2"), ["i2"]),
        (Filter(version=">=1,<3"), ["i1", "i2"]),
        (Filter(metadata={"rack": "r7"}), ["i1"]),
        (Filter(tags=("a",), version="1.x", region="eu"), ["i1"]),
    ],
    ids=str,
)
def test_every_filter_must_pass(platform, where, found):
    add(platform, 1, "healthy", tags=["a", "b"], region="eu", version="1.2.3", metadata={"rack": "r7"})
    add(platform, 2, "healthy", tags=["a"], zone="z", version="2.0.0")
    add(platform, 3, "healthy")
    assert ids(discovery_without_network(platform).find("orders", where)) == found


def test_a_filter_that_nothing_passes_says_so(platform):
    add(platform, 1, "healthy")
    with pytest.raises(NoneHealthy, match="1 instance, and it does not match the filter"):
        discovery_without_network(platform).find("orders", Filter(tags=("x",)))
    with pytest.raises(UsageError):
        discovery_without_network(platform).find("orders", Filter(version="not a range"))


def test_a_result_older_than_three_intervals_is_probed_before_the_answer(platform, clock, server):
    platform.registry.register("orders", server.url, fields=Registration(health="/", interval_s=10.0))
    assert ids(platform.discovery.find("orders")) == [server.id]
    assert server.seen == 1
    clock.advance(30)
    platform.discovery.find("orders")
    assert server.seen == 1
    clock.advance(0.1)
    platform.discovery.find("orders")
    assert server.seen == 2


def test_a_stale_healthy_instance_that_has_died_is_not_given(platform, clock):
    with Loopback() as server:
        platform.registry.register("orders", server.url)
        assert ids(platform.discovery.find("orders")) == [server.id]
    clock.advance(100)
    with pytest.raises(NoneHealthy, match="connection refused"):
        platform.discovery.find("orders")


def test_without_probing_the_store_answers_and_says_what_it_does_not_know(platform, clock):
    add(platform, 1)
    discovery = discovery_without_network(platform)
    with pytest.raises(NoneHealthy, match="starting"):
        discovery.find("orders", probe=False)
    add(platform, 2, "healthy")
    clock.advance(1000)
    found = discovery.find("orders", probe=False)
    assert (ids(found), found[0].health.stale) == (["i2"], True)


def test_a_largest_age_takes_the_place_of_three_intervals(platform, clock):
    add(platform, 1, "healthy")
    clock.advance(5)
    probed = []
    discovery = discovery_without_network(platform, probed.append)
    discovery.find("orders", max_age_s=5.1)
    assert probed == []
    discovery.find("orders", max_age_s=5)
    assert probed == ["orders"]


def test_an_instance_in_maintenance_makes_nobody_probe(platform, clock):
    add(platform, 1, "healthy")
    platform.registry.maintain("orders", "i1")
    add(platform, 2, health="none")
    clock.advance(1000)
    assert ids(discovery_without_network(platform).find("orders", max_age_s=1)) == ["i2"]


def test_waiting_ends_as_soon_as_the_service_appears_and_is_well(platform, clock):
    def start(name):
        if clock.now() > 1_800_000_001:
            add(platform, 1, "healthy")

    platform.registry.register("orders", "http://127.0.0.1:1", fields=Registration(id="i1"))
    assert ids(discovery_without_network(platform, start).wait("orders", wait_s=30)) == ["i1"]
    assert sum(clock.slept) < 3


def test_waiting_in_vain_ends_at_its_time_with_the_reason(platform, clock):
    with pytest.raises(DeadlineExceeded, match="after 5s: no service orders") as late:
        platform.discovery.wait("orders", wait_s=5)
    assert late.value.exit_status == 5
    assert sum(clock.slept) == pytest.approx(5)


def test_a_watch_gives_the_set_now_and_then_only_when_it_changes(platform, clock):
    add(platform, 1, health="none")
    events = iter([lambda: None, lambda: add(platform, 2, health="none"), lambda: None,
                   lambda: platform.registry.deregister("orders", "i1")])

    class Busy:
        """The clock, on which something happens during each sleep."""

        def __getattr__(self, name):
            return getattr(clock, name)

        def sleep(self, seconds):
            clock.sleep(seconds)
            next(events)()

    watch = Discovery(platform.store, Busy(), lambda name: None, lambda: 0.5).watch("orders", interval_s=10)
    assert [ids(next(watch)) for _ in range(3)] == [["i1"], ["i1", "i2"], ["i2"]]
    assert len(clock.slept) == 4


def test_a_watch_probes_once_in_each_interval(platform, clock, server):
    platform.registry.register("orders", server.url, fields=Registration(health="/"))
    watch = platform.discovery.watch("orders", interval_s=10)
    assert ids(next(watch)) == [server.id]
    server.status = 500
    assert next(watch) == []
    assert (server.seen, len(clock.slept)) == (2, 1)


@pytest.mark.parametrize("strategy", ["round-robin", "weighted"])
def test_a_pick_with_a_memory_is_shared_by_everyone_on_the_store(platform, store_path, strategy):
    for port in (1, 2, 3):
        add(platform, port, "healthy", weight=1)
    with Platform.open(store_path, clock=platform.clock, actor="other", warn=pytest.fail) as other:
        sources = [platform, other, platform, other, platform, other]
        picked = [p.discovery.pick("orders", strategy, probe=False)[0].instance.id for p in sources]
    assert sorted(picked[:3]) == sorted(picked[3:]) == ["i1", "i2", "i3"]


def test_weights_are_kept_exactly_over_a_round(platform):
    add(platform, 1, "healthy", weight=3)
    add(platform, 2, "healthy", weight=1)
    picked = [platform.discovery.pick("orders", "weighted", probe=False)[0].instance.id for _ in range(8)]
    assert sorted(picked) == ["i1"] * 6 + ["i2"] * 2


def test_several_picks_are_different_instances(platform):
    for port in (1, 2, 3):
        add(platform, port, "healthy")
    assert sorted(ids(platform.discovery.pick("orders", "p2c", count=9, probe=False))) == ["i1", "i2", "i3"]


def test_least_latency_and_hash_pick_as_they_say(platform):
    add(platform, 1, "healthy", latency_ms=9.0)
    add(platform, 2, "healthy", latency_ms=2.0)
    pick = platform.discovery.pick
    assert ids(pick("orders", "least-latency", probe=False)) == ["i2"]
    assert len({ids(pick("orders", "hash", key="user-7", probe=False))[0] for _ in range(5)}) == 1
    with pytest.raises(UsageError):
        pick("orders", "hash", probe=False)
    with pytest.raises(UsageError):
        pick("orders", "roundrobin", probe=False)


def test_a_pick_prefers_a_zone_and_goes_elsewhere_when_nothing_there_may_be_used(platform):
    add(platform, 1, "healthy", zone="eu-1a")
    add(platform, 2, "healthy", zone="eu-1b")
    add(platform, 3, "unhealthy", zone="eu-1c")

    def picked(zone, **options):
        return ids(platform.discovery.pick("orders", "round-robin", probe=False, prefer_zone=zone, **options))

    assert [picked("eu-1b") for _ in range(3)] == [["i2"]] * 3
    assert picked("eu-1b", count=3) == ["i2", "i1"]
    assert {picked("eu-1c")[0] for _ in range(4)} == {"i1", "i2"}
    assert picked("eu-1b", skip={"i2"}) == ["i1"]


def test_what_is_skipped_is_not_picked_unless_nothing_else_is_left(platform):
    add(platform, 1, "healthy")
    add(platform, 2, "healthy")
    add(platform, 3, "healthy", weight=0)

    def picked(skip, count=1):
        return ids(platform.discovery.pick("orders", "p2c", probe=False, count=count, skip=skip))

    assert [picked({"i1"}) for _ in range(4)] == [["i2"]] * 4
    assert picked({"i1"}, count=9) == ["i2"]
    assert set(picked({"i1", "i2"}, count=9)) == {"i1", "i2"}
    assert set(picked({"i1", "i2", "i3", "nobody"}, count=9)) == {"i1", "i2"}


@pytest.mark.parametrize("strategy", ["p2c", "round-robin", "weighted"])
def test_weight_0_is_no_traffic_also_when_more_are_asked_for_unless_all_have_it(platform, strategy):
    add(platform, 1, "healthy", weight=0)
    add(platform, 2, "healthy", weight=0)
    assert set(ids(platform.discovery.pick("orders", strategy, probe=False, count=9))) == {"i1", "i2"}
    add(platform, 3, "healthy")
    assert ids(platform.discovery.pick("orders", strategy, probe=False, count=9)) == ["i3"]
