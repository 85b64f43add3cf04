"""Why a service fails: the root, what was seen of it, what changed before, who suffers."""

import asyncio
from pathlib import Path

import pytest
from loopback import Loopback

from mgov.errors import NotFound, StoreDamaged
from mgov.governance.platform import Platform
from mgov.model.registration import Registration
from mgov.model.service import ASYNCHRONOUS, Dependency


def needs(*names, **options):
    return Registration(dependencies=[Dependency(name, **options) for name in names], health="none")


@pytest.fixture
def chain(platform, server):
    """web needs orders needs users, which is the server; stats needs users and can do without."""
    registry = platform.registry
    registry.register("users", server.url, fields=Registration(health="/", version="1.0"))
    registry.register("orders", "http://127.0.0.1:1", fields=needs("users"))
    registry.register("web", "http://127.0.0.1:1", fields=needs("orders"))
    registry.register("stats", "http://127.0.0.1:1", fields=needs("users", type=ASYNCHRONOUS, is_optional=True))
    return server




def test_a_dependent_names_the_root_behind_others_and_what_was_seen_of_it(platform, clock, chain):
    chain.status = 500
    platform.monitor.sweep()
    began = clock.now()
    clock.advance(60)
    why = platform.why("web")
    (root,) = why.roots
    assert (root.standing.service, root.path, root.standing.since) == ("users", ("web", "orders", "users"), began)
    (witness,) = root.witnesses
    assert (witness.instance, witness.health.reason) == (chain.id, "HTTP 500 Internal Server Error")
    assert witness.evidence.facts["status_code"] == 500
    assert [word for word, _ in witness.evidence.phases] == ["dns", "connect", "first byte", "total"][-3:]
    assert why.next_steps[:2] == ("mgov why users", "mgov probe users")


def test_a_service_without_trouble_is_well_since_its_first_good_look(platform, clock, chain):
    platform.monitor.sweep()
    began = clock.now()
    clock.advance(10)
    why = platform.why("users")
    assert (why.standing.status, why.standing.since, why.roots, why.events) == ("healthy", began, (), ())


def test_it_names_who_suffers_first_those_that_cannot_do_without(platform, chain):
    chain.status = 500
    platform.monitor.sweep()
    assert [(s.impact.service, s.impact.is_optional, s.standing.status) for s in platform.why("users").sufferers] == [
        ("orders", False, "declared"), ("web", False, "declared"), ("stats", True, "declared")]  # fmt: skip


def test_what_it_can_do_without_is_no_root(platform, chain):
    chain.status = 500
    platform.monitor.sweep()
    why = platform.why("stats")
    assert (why.roots, why.soft) == ((), ("users",))


def test_what_changed_on_the_way_since_fifteen_minutes_before_the_last_good_look_is_told(platform, clock, chain):
    platform.registry.register("cache")
    platform.registry.register("web", fields=Registration(dependencies=[Dependency("orders"), Dependency("cache")]))
    clock.advance(3600)
    platform.monitor.sweep()                                # well
    clock.advance(1200)
    platform.registry.register("users", fields=Registration(version="1.1"))
    clock.advance(1)
    platform.configs.set("users", {"pool": 1}, environment="prod", message="less")
    platform.breakers.trip("orders", reason="slow")
    for name in ("stats", "cache"):                         # not on the way
        platform.registry.register(name, fields=Registration(version="9"))
    clock.advance(30)
    chain.status = 500
    platform.monitor.sweep()
    clock.advance(600)
    platform.registry.register("users", fields=Registration(version="1.2"))     # too late to be the cause
    why = platform.why("web")
    assert [(e.service, e.kind, e.text, e.by) for e in why.events] == [
        ("users", "config", "configuration prod 1, set: less", "tester"),
        ("users", "service", "changed (version 1.0 to 1.1)", "tester"),
        ("orders", "breaker", "breaker closed to open (slow)", "tester"),
    ]
    assert "mgov config history users -e prod" in why.next_steps
    assert "mgov history users --diff" in why.next_steps


def test_a_failure_of_which_nothing_is_known_before_has_no_events(platform, clock, chain):
    clock.advance(3600)
    chain.status = 500
    platform.monitor.sweep()
    why = platform.why("users")
    assert (why.events, why.window) == ((), (clock.now() - 900, clock.now()))


def test_of_instances_that_went_one_after_another_the_first_is_an_event(platform, clock, chain):
    with Loopback() as second:
        platform.registry.register("users", second.url, fields=Registration(health="/"))
        clock.advance(3600)
        platform.monitor.sweep()
        second_id = second.id
    clock.advance(61)
    platform.monitor.sweep()
    why = platform.why("web")
    assert [(r.standing.service, r.standing.status) for r in why.roots] == [("users", "degraded")]
    clock.advance(61)
    chain.status = 500
    platform.monitor.sweep()
    why = platform.why("web")
    assert [e.text for e in why.events] == [f"{second_id} healthy to unhealthy (connection refused)"]
    assert [w.instance for w in why.roots[0].witnesses] == [second_id, chain.id]


def test_breakers_on_the_way_that_stop_calls_are_told(platform, chain):
    platform.monitor.sweep()
    platform.breakers.trip("users", reason="bad release")
    assert [(b.service, b.breaker.state) for b in platform.why("users").breakers] == [("users", "open")]


def test_services_of_one_cycle_are_roots_together(platform, chain):
    platform.registry.register("users", fields=Registration(dependencies=[Dependency("orders")]))
    chain.status = 500
    platform.monitor.sweep()
    assert [root.path for root in platform.why("orders").roots] == [("orders", "users")]


def test_a_need_that_nobody_registered_is_told(platform, chain):
    platform.registry.register("web", fields=Registration(dependencies=[Dependency("nowhere")]))
    assert platform.why("web").missing == ("nowhere",)


def test_what_nobody_looked_at_yet_may_be_looked_at(platform, clock, chain):
    assert platform.why("web").next_steps[0] == "mgov why web --now"
    platform.monitor.sweep()
    assert platform.why("web").next_steps == ("mgov graph impact web",)


def test_it_looks_first_when_told(platform, chain):
    chain.status = 500
    assert platform.why("web").roots == ()
    assert [r.standing.service for r in platform.why("web", must_look=True).roots] == ["users"]
    chain.status = 200
    assert platform.why("web", must_look=True).roots == ()


def test_it_looks_first_from_an_event_loop_too(store_path, clock, chain):
    async def ask():
        async with Platform.open(store_path, clock=clock) as platform:
            return await platform.why("web", must_look=True)

    chain.status = 500
    assert [root.standing.service for root in asyncio.run(ask()).roots] == ["users"]


def test_an_unknown_name_is_not_found_with_a_suggestion(platform, chain):
    with pytest.raises(NotFound) as caught:
        platform.why("order")
    assert caught.value.hint == "did you mean orders?"


def test_a_damaged_need_is_told_and_the_rest_explained(store_path, clock, server):
    warnings = []
    with Platform.open(store_path, clock=clock, warn=warnings.append) as platform:
        platform.registry.register("users", server.url, fields=Registration(health="/"))
        platform.registry.register("mail", server.url, fields=Registration(health="/"))
        platform.registry.register("web", server.url, fields=needs("users", "mail"))
        server.status = 500
        platform.monitor.sweep()
        path = Path(store_path, "instances", "mail.json")
        path.write_bytes(path.read_bytes()[:-5])
        why = platform.why("web")
        assert why.damaged == ("mail",)
        assert [root.standing.service for root in why.roots] == ["users"]
        with pytest.raises(StoreDamaged):
            platform.why("mail")


def test_where_nothing_around_can_be_reached_the_prober_is_suspected_unless_others_are_well(platform, clock, server):
    with Loopback() as closed:
        port = closed.port
    for name, host, need in (("a", "127.0.0.2", "b"), ("b", "127.0.0.3", "c"), ("c", "127.0.0.4", "")):
        fields = Registration(health="/", dependencies=[Dependency(need)] if need else [])
        platform.registry.register(name, f"http://{host}:{port}", fields=fields)
    platform.monitor.sweep()
    assert platform.why("a").suspicion.startswith("none of 3 targets")
    platform.registry.register("far", server.url, fields=Registration(health="/"))
    platform.monitor.sweep()
    assert platform.why("a").suspicion == ""
