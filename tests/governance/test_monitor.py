"""The monitor: what a sweep sees, what it writes down, and what it leaves alone."""

import pytest
from loopback import Loopback

from mgov.errors import InvalidName, NotFound
from mgov.governance.manner import Manner
from mgov.governance.monitor import Monitor
from mgov.governance.urls import Urls
from mgov.model.measurement import LOCAL_ERROR, REFUSED, Measurement
from mgov.model.registration import Registration

OK = Measurement("", status_code=200, total_ms=2.0)
DOWN = Measurement(REFUSED, "connection refused")
LOCAL = Measurement(LOCAL_ERROR, "too many open files")


class Net:
    """A network whose answers a test sets by URL; `takes_s` passes on the clock at each probe."""

    def __init__(self, clock, takes_s=0.0):
        self.clock, self.takes_s, self.answers, self.default, self.during = clock, takes_s, {}, OK, None

    def __call__(self, targets, *, concurrency=None, on_result=None):
        results = []
        for index, target in enumerate(targets):
            self.clock.advance(self.takes_s)
            seen = self.answers.get(target.url, self.default)
            if on_result is not None:
                on_result(index, seen)
            results.append(seen)
        if self.during is not None:
            during, self.during = self.during, None
            during()
        return results


@pytest.fixture
def net(clock):
    return Net(clock)


@pytest.fixture
def monitor(platform, clock, net):
    return Monitor(platform.store, clock, net)


def add(platform, *ports, name="orders", **fields):
    for port in ports:
        platform.registry.register(name, f"tcp://127.0.0.1:{port}", fields=Registration(id=f"i{port}", **fields))


def url(port):
    return f"tcp://127.0.0.1:{port}"


def statuses(results):
    return {result.instance: result.health.status for result in results}


def known(platform, name="orders"):
    return {m.instance.id: m.health for m in platform.registry.instances(name)}


def health_files(path):
    return {p: (p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_ino) for p in path.rglob("state/health/*.json")}


def test_a_sweep_looks_at_real_servers_and_keeps_what_it_saw(platform, server):
    platform.registry.register("orders", server.url, fields=Registration(health="/h"))
    with Loopback(503) as failing:
        platform.registry.register("orders", failing.url, fields=Registration(health="/h"))
        results = platform.monitor.sweep()
    assert statuses(results) == {server.id: "healthy", failing.id: "unhealthy"}
    assert known(platform)[server.id].status == "healthy"
    assert known(platform)[failing.id].reason == "HTTP 503 Service Unavailable"


def test_a_quiet_sweep_rewrites_no_health_file_and_confirms_what_is_known(platform, monitor, clock, tmp_path):
    add(platform, 1, 2)
    add(platform, 3, name="users")
    monitor.sweep()
    before = health_files(tmp_path)
    assert len(before) == 2
    clock.advance(50)
    monitor.sweep()
    assert health_files(tmp_path) == before
    assert {h.checked_at for h in known(platform, "*").values()} == {clock.now()}
    assert {h.since for h in known(platform, "*").values()} == {clock.now() - 50}


def test_a_change_rewrites_that_service_and_no_other(platform, monitor, net, clock, tmp_path):
    add(platform, 1)
    add(platform, 3, name="users")
    monitor.sweep()
    before = health_files(tmp_path)
    clock.advance(10)
    net.answers[url(3)] = DOWN
    monitor.sweep()
    after = health_files(tmp_path)
    assert [p.stem for p in after if after[p] != before[p]] == ["users"]
    assert known(platform, "users")["i3"].status == "unhealthy"


def test_latency_is_written_again_after_a_minute(platform, monitor, clock, tmp_path):
    add(platform, 1)
    monitor.sweep()
    before = health_files(tmp_path)
    clock.advance(60)
    monitor.sweep()
    assert health_files(tmp_path) != before


def test_a_sweep_by_name_writes_its_file_and_leaves_no_look(platform, monitor, clock):
    add(platform, 1)
    monitor.sweep(["orders"])
    clock.advance(10)
    monitor.sweep(["orders"])
    assert platform.store.read("health/orders").value["instances"]["i1"]["checked_at"] == clock.now()
    assert monitor.last_looks() == []


def test_a_look_tells_what_it_looked_at_and_what_failed(platform, monitor, net, clock):
    add(platform, 1, 2)
    net.answers[url(2)] = DOWN
    monitor.sweep()
    monitor.sweep(["ord*"])
    looks = monitor.last_looks()
    assert [(look.pattern, look.target_count, look.failed_count, look.at) for look in looks] == [
        ("ord*", 2, 1, clock.now()), ("*", 2, 1, clock.now())]


def test_a_local_failure_changes_no_health_and_is_said_of_the_target(platform, monitor, net, clock):
    add(platform, 1, 2)
    monitor.sweep()
    clock.advance(10)
    net.answers[url(1)] = LOCAL
    results = monitor.sweep()
    assert [(r.instance, r.health.status, r.health.stale, r.is_local, r.is_failing) for r in results] == [
        ("i1", "healthy", True, True, True), ("i2", "healthy", False, False, False)]
    assert results[0].health.reason == "could not be probed from here: too many open files"
    assert known(platform)["i1"].checked_at == clock.now() - 10
    assert known(platform)["i2"].checked_at == clock.now()


def test_a_wholly_local_failure_leaves_every_record_as_it_was(platform, monitor, net, clock, tmp_path):
    add(platform, 1, 2)
    monitor.sweep()
    before = health_files(tmp_path)
    clock.advance(10)
    net.default = LOCAL
    monitor.sweep()
    assert health_files(tmp_path) == before
    assert {h.checked_at for h in known(platform).values()} == {clock.now() - 10}


def test_of_two_sweeps_at_once_the_newer_observation_of_each_instance_stays(platform, monitor, net, clock):
    """The outer sweep sees both up and then takes long; meanwhile another sees the first go down."""
    add(platform, 1, 2)
    net.takes_s = 1.0

    def other():
        second = Net(clock, 1.0)
        second.answers[url(1)] = DOWN
        Monitor(platform.store, clock, second).sweep(["orders"])

    net.during = other
    monitor.sweep()
    assert {key: h.status for key, h in known(platform).items()} == {"i1": "unhealthy", "i2": "healthy"}
    assert known(platform)["i1"].checked_at == clock.now() - 1


def test_a_sweep_that_ends_late_does_not_confirm_what_it_saw_before_another(platform, monitor, net, clock):
    add(platform, 1)
    monitor.sweep(["orders"])
    clock.advance(10)
    net.during = lambda: (clock.advance(5), Monitor(platform.store, clock, Net(clock)).sweep(["orders"]),
                          clock.advance(100))
    monitor.sweep()
    assert known(platform)["i1"].checked_at == clock.now() - 100
    assert known(platform)["i1"].stale


def test_what_was_in_maintenance_is_not_confirmed_by_a_sweep(platform, monitor, clock):
    add(platform, 1, 2)
    monitor.sweep()
    platform.registry.maintain("orders", "i1")
    clock.advance(1000)
    assert statuses(monitor.sweep()) == {"i1": "maintenance", "i2": "healthy"}
    platform.registry.end_maintenance("orders", "i1")
    assert (known(platform)["i1"].stale, known(platform)["i2"].stale) == (True, False)


def test_a_deregistered_instance_vanishes_from_the_health_document(platform, monitor, clock):
    add(platform, 1, 2)
    monitor.sweep()
    platform.registry.deregister("orders", "i1")
    assert list(platform.store.read("health/orders").value["instances"]) == ["i2"]


def test_an_instance_deregistered_during_a_sweep_is_gone_after_the_next(platform, monitor, net):
    add(platform, 1, 2)
    net.during = lambda: platform.registry.deregister("orders", "i1")
    monitor.sweep()
    assert list(known(platform)) == ["i2"]
    monitor.sweep()
    assert list(platform.store.read("health/orders").value["instances"]) == ["i2"]


def test_an_instance_registered_anew_during_a_sweep_is_not_confirmed_by_it(platform, monitor, net, clock):
    add(platform, 1)
    net.takes_s = 1.0
    net.during = lambda: platform.registry.register("orders", url(7), fields=Registration(id="i1"))
    monitor.sweep()
    assert known(platform)["i1"].status in ("starting", "healthy")
    clock.advance(1)
    monitor.sweep()
    assert known(platform)["i1"].status == "healthy"


def test_instances_without_a_check_are_listed_and_not_probed(platform, monitor, net):
    add(platform, 1, health="none")
    net.default = DOWN
    results = monitor.sweep()
    assert [(r.instance, r.health.status, r.url) for r in results] == [("i1", "declared", url(1))]


def test_a_missed_heartbeat_outweighs_a_good_probe(platform, monitor, clock):
    add(platform, 1, ttl_s=30.0, health="tcp")
    platform.registry.heartbeat("orders", "i1")
    assert statuses(monitor.sweep()) == {"i1": "healthy"}
    clock.advance(31)
    assert statuses(monitor.sweep()) == {"i1": "unhealthy"}


def test_results_come_by_service_and_id_each_once(platform, monitor):
    add(platform, 2, 1, name="b")
    add(platform, 3, name="a")
    add(platform, 4, name="a-b")
    results = monitor.sweep(["b", "a*", "b"])
    assert [(r.service, r.instance) for r in results] == [("a", "i3"), ("a-b", "i4"), ("b", "i1"), ("b", "i2")]


def test_each_result_is_told_as_it_comes(platform, monitor):
    add(platform, 1, 2)
    told = []
    assert monitor.sweep(on_checked=told.append) == told


def test_an_unknown_name_a_pattern_without_match_and_a_bad_name_are_refused(platform, monitor):
    add(platform, 1)
    with pytest.raises(NotFound) as missing:
        monitor.sweep(["order"])
    assert missing.value.hint == "did you mean orders?"
    with pytest.raises(NotFound):
        monitor.sweep(["x*"])
    with pytest.raises(InvalidName):
        monitor.sweep(["Orders"])


def test_a_given_timeout_takes_the_place_of_each_checks_own(platform, clock):
    asked = []

    def probe_all(targets, *, concurrency=None, on_result=None):
        asked.extend((target.timeout_s, concurrency) for target in targets)
        return [OK for _ in targets]

    add(platform, 1, timeout_s=2.0)
    Monitor(platform.store, clock, probe_all).sweep()
    Monitor(platform.store, clock, probe_all).sweep((), Manner(timeout_s=9.0, concurrency=3))
    assert asked == [(2.0, None), (9.0, 3)]


def test_a_sweep_that_dies_before_it_is_done_leaves_the_store_as_it_was(platform, monitor, net, clock, tmp_path):
    add(platform, 1, 2)
    monitor.sweep()
    before = health_files(tmp_path)

    def die():
        raise KeyboardInterrupt

    net.during, net.default = die, DOWN
    with pytest.raises(KeyboardInterrupt):
        monitor.sweep()
    assert health_files(tmp_path) == before
    assert statuses(monitor.sweep()) == {"i1": "unhealthy", "i2": "unhealthy"}


def test_a_damaged_health_file_is_set_aside_and_the_sweep_goes_on(store_path, platform, clock, net, tmp_path):
    from mgov.governance.platform import Platform

    add(platform, 1)
    Monitor(platform.store, clock, net).sweep()
    file = next(iter(health_files(tmp_path)))
    file.write_bytes(file.read_bytes().replace(b"healthy", b"healthx"))
    warnings = []
    with Platform.open(store_path, clock=clock, actor="t", warn=warnings.append) as fresh:
        Monitor(fresh.store, clock, net).sweep()
    assert len([w for w in warnings if "orders.json" in w]) >= 1
    assert known(platform)["i1"].status == "healthy"


def test_bare_urls_are_checked_in_their_order_without_a_store(clock, server):
    with Loopback(500) as failing:
        urls = [failing.url, server.url, f"tcp://127.0.0.1:{server.port}"]
        results = Urls(urls, clock=clock).sweep()
    assert [r.health.status for r in results] == ["unhealthy", "healthy", "healthy"]
    assert [r.url for r in results] == [failing.url + "/", server.url + "/", urls[2]]
