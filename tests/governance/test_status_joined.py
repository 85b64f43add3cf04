"""The fleet on one screen: what the store knows, joined."""

import asyncio
from pathlib import Path

import pytest
from loopback import Loopback

from mgov.errors import RateLimited, StoreError
from mgov.governance.manner import Manner
from mgov.governance.platform import Platform
from mgov.model.limit import parse_rate
from mgov.model.registration import Registration
from mgov.model.service import Dependency


@pytest.fixture
def chain(platform, server):
    """web needs orders needs users; users is the server, the others declare themselves well."""
    platform.registry.register("users", server.url, fields=Registration(health="/"))
    for name, need in (("orders", "users"), ("web", "orders")):
        fields = Registration(dependencies=[Dependency(need)], id=f"{name}-1", ttl_s=3600.0)
        platform.registry.register(name, fields=fields)
        platform.registry.heartbeat(name)
    return server


def test_a_failing_service_is_listed_with_its_dependents_in_danger(platform, clock, chain):
    chain.status = 500
    platform.monitor.sweep()
    clock.advance(5)
    known = platform.status()
    (trouble,) = known.troubles
    assert (trouble.standing.service, trouble.standing.reason) == ("users", "HTTP 500 Internal Server Error")
    assert (trouble.failing_count, trouble.endangered_count) == (0, 2)
    assert known.is_unhealthy
    assert known.totals["unhealthy"] == 1
    assert known.totals["healthy"] == 2
    assert known.statistics == platform.registry.statistics()


def test_a_dependent_that_fails_as_well_names_its_root(platform, chain):
    chain.status = 500
    platform.monitor.sweep()
    platform.registry.heartbeat("orders", status="unhealthy", note="no users")
    assert [(t.standing.service, t.roots) for t in platform.status().troubles] == [
        ("users", ()), ("orders", (("users",),))]  # fmt: skip


def test_a_watcher_is_known_by_its_looks_and_a_single_look_does_not_hide_it(platform, clock, chain):
    assert platform.status().watcher.state == "unknown"
    platform.monitor.sweep((), Manner(every_s=10.0))
    clock.advance(20)
    platform.monitor.sweep()
    assert platform.status().watcher[:3] == ("running", "*", 10.0)
    assert platform.status().look.at == clock.now()
    clock.advance(21)
    assert platform.status().watcher.state == "silent"
    assert "mgov health --watch" in platform.status().next_steps


def test_breakers_that_stop_calls_and_limits_that_refuse_are_told(platform, clock, chain):
    platform.breakers.trip("orders", reason="bad release")
    platform.breakers.permit("users").success()
    platform.limits.set_policy("users", parse_rate("1/1m"))
    for key in ("users:a", "users:b"):
        platform.limits.require(key)
        with pytest.raises(RateLimited):
            platform.limits.require(key)
    known = platform.status()
    assert [(one.service, one.breaker.state) for one in known.breakers] == [("orders", "open"), ("users", "closed")]
    assert [one.service for one in known.refusing_breakers] == ["orders"]
    (refusing,) = known.refusing
    assert (refusing.name, refusing.key_count, refusing.retry_after_s) == ("users", 2, 60.0)
    clock.advance(61)
    assert platform.status().refusing == ()


def test_configuration_changes_of_the_last_day_are_told_newest_first(platform, clock, chain):
    platform.configs.set("users", {"pool": 1})
    clock.advance(25 * 3600)
    platform.configs.set("users", {"pool": 2}, message="more")
    platform.configs.set("orders", {"pool": 3}, environment="prod")
    known = platform.status()
    assert [(c.key, c.author, c.message) for c in known.configs] == [
        ("config/orders/prod/000001", "tester", ""), ("config/users/default/000002", "tester", "more")]  # fmt: skip
    assert (known.change_count, known.has_more_changes) == (2, False)


def test_where_more_changed_than_is_looked_through_the_count_is_not_taken_for_exact(platform, monkeypatch):
    monkeypatch.setattr("mgov.governance.overview.LOOKED_THROUGH", 2)
    for title in ("one", "two", "three"):
        platform.registry.register("orders", fields=Registration(title=title))
    known = platform.status()
    assert (known.change_count, known.has_more_changes) == (2, True)


def test_a_fleet_of_which_nothing_can_be_reached_makes_the_prober_suspect(platform, clock):
    hosts = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
    with Loopback() as closed:
        port = closed.port
    for host in hosts:
        name = f"svc-{host[-1]}"
        platform.registry.register(name, f"http://{host}:{port}", fields=Registration(health="/"))
    platform.monitor.sweep()
    known = platform.status()
    assert known.suspicion.startswith("none of 3 targets on 3 hosts could be reached")
    assert known.next_steps[0] == "mgov probe svc-2"


def test_a_fleet_of_which_all_fails_but_answers_does_not(platform, clock, server):
    server.status = 500
    for name in ("a", "b", "c"):
        platform.registry.register(name, server.url, fields=Registration(health="/"))
    platform.monitor.sweep()
    assert platform.status().suspicion == ""


def test_an_empty_store_says_how_to_begin(platform):
    known = platform.status()
    assert known.statistics["total_services"] == 0
    assert known.next_steps[0] == "mgov register NAME URL"
    assert (known.look, known.watcher.state, known.is_unhealthy) == (None, "unknown", False)


def test_a_store_that_went_away_between_two_looks_is_no_empty_fleet(store_path, clock):
    with Platform.open(store_path, clock=clock, actor="tester") as platform:
        platform.registry.register("a")
        platform.status()
        Path(store_path).rename(f"{store_path}-elsewhere")
        with pytest.raises(StoreError, match="is gone"):
            platform.status()


def test_what_was_mended_between_two_looks_is_no_longer_damaged(store_path, clock):
    with Platform.open(store_path, clock=clock, warn=lambda _: None) as platform:
        for name in ("a", "b"):
            platform.registry.register(name, f"http://{name}:1")
        path = Path(store_path, "instances", "a.json")
        whole = path.read_bytes()
        path.write_bytes(whole[:-9])
        known = platform.status()
        assert known.damaged == ("instances/a.json",)
        assert known.statistics["services"] == {
            "a": {"total": 0, "healthy": 0, "unhealthy": 0}, "b": {"total": 1, "healthy": 0, "unhealthy": 0}}
        assert known.next_steps[0] == "mgov store check"
        path.write_bytes(whole)
        assert platform.status().damaged == ()


def test_a_clock_that_was_set_back_leaves_a_status(platform, clock, chain):
    chain.status = 500
    platform.monitor.sweep((), Manner(every_s=10.0))
    clock.jump(-3600)
    known = platform.status()
    assert [trouble.standing.service for trouble in known.troubles][:1] == ["users"]
    assert known.look.at == clock.now() + 3600


def test_the_same_from_an_event_loop(store_path, clock):
    async def ask():
        async with Platform.open(store_path, clock=clock) as platform:
            await platform.registry.register("a", "http://127.0.0.1:1")
            return await platform.status(), await platform.why("a")

    known, why = asyncio.run(ask())
    assert (known.statistics["total_services"], why.standing.service) == (1, "a")
