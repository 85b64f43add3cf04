"""What is worst, in which order, and what to type next."""

import pytest

from mgov.model.graph import Edge, Graph
from mgov.model.overview import Watcher, next_steps, totals, troubles_of, watcher_of
from mgov.model.rootcause import diagnose
from mgov.model.standing import Standing

FAILS, PARTLY, WELL = {"unhealthy": 1}, {"unhealthy": 1, "healthy": 1}, {"healthy": 1}


def standings(**counts):
    words = {id(FAILS): "unhealthy", id(PARTLY): "degraded", id(WELL): "healthy"}
    return {name: Standing(name, words[id(own)], own) for name, own in counts.items()}


def test_a_root_comes_before_those_that_fail_because_of_it_and_partial_failures_last():
    known = standings(web=FAILS, orders=FAILS, mail=FAILS, aaa=PARTLY, cart=WELL)
    graph = Graph([Edge("web", "orders"), Edge("cart", "orders")], known)
    troubles = troubles_of(known, diagnose(graph, {"web", "orders", "mail"}))
    assert [(t.standing.service, t.roots, t.failing_count, t.endangered_count) for t in troubles] == [
        ("orders", (), 1, 1),
        ("web", (("orders",),), 0, 0),
        ("mail", (), 0, 0),
        ("aaa", (), 0, 0),
    ]


def test_of_partial_failures_those_with_most_failing_instances_come_first():
    known = {
        "a": Standing("a", "degraded", {"degraded": 2}),
        "b": Standing("b", "degraded", {"unhealthy": 1, "healthy": 9}),
        "c": Standing("c", "degraded", {"unhealthy": 1, "healthy": 1}),
    }
    assert [t.standing.service for t in troubles_of(known, diagnose(Graph(()), ()))] == ["c", "b", "a"]


def test_every_status_has_a_total():
    assert totals(standings(a=FAILS, b=PARTLY).values()) == {
        "starting": 0, "healthy": 1, "degraded": 0, "unhealthy": 2, "maintenance": 0, "declared": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("looks", "state"),
    [
        ([], "unknown"),
        ([("*", 0.0, 0.0)], "unknown"),                     # looked at, but by nobody who watches
        ([("*", 10.0, 985.0)], "running"),
        ([("*", 10.0, 959.0)], "silent"),
        ([("*", 10.0, 100.0), ("web*", 10.0, 999.0)], "running"),
        ([("*", 10.0, 5000.0)], "running"),                 # another machine's clock is ahead
    ],
)
def test_a_watcher_runs_while_its_newest_look_is_no_older_than_three_intervals_and_a_slow_sweep(looks, state):
    assert watcher_of(looks, 1000.0).state == state


def steps(troubles=(), **given):
    usual = {"service_count": 1, "instance_count": 1, "is_old": False, "is_suspect": False, "has_damage": False,
                 "watcher": Watcher("running", "*", 10.0, 1.0), "breakers": (), "limits": ()}  # fmt: skip
    return next_steps(troubles, **{**usual, **given})


def test_where_all_is_well_and_watched_there_is_nothing_to_type():
    assert steps() == []


def test_where_nobody_is_registered_it_says_how_to_begin():
    assert steps(service_count=0) == ["mgov register NAME URL", "mgov apply -f fleet.toml", "mgov import compose FILE"]
    assert steps(instance_count=0) == ["mgov register NAME URL"]


def test_roots_are_explained_before_breakers_and_limits_and_at_most_four_commands_are_named():
    known = standings(orders=FAILS, web=FAILS)
    troubles = troubles_of(known, diagnose(Graph([Edge("web", "orders")]), {"web", "orders"}))
    given = {"is_old": True, "breakers": ["mail"], "limits": ["cart"], "watcher": Watcher("unknown")}
    assert steps(troubles, **given) == ["mgov why orders", "mgov health", "mgov breaker show mail",
                                        "mgov limit show cart"]  # fmt: skip
    assert steps(troubles, has_damage=True)[0] == "mgov store check"
    assert steps(troubles, is_suspect=True)[0] == "mgov probe orders"
