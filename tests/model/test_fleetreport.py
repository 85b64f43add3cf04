"""What a report puts first, and what of a large fleet it draws."""

import pytest

from mgov.model.breaker import Breaker
from mgov.model.fleetreport import (
    BreakerLine,
    Running,
    by_urgency,
    causes_of,
    drawable,
    grouped,
    is_all_failing,
    status_counts,
    touching,
    worst_first,
)
from mgov.model.graph import Edge, Graph
from mgov.model.health import Health
from mgov.model.instance import Instance
from mgov.model.picture import Node, picture_of
from mgov.model.service import ASYNCHRONOUS, Service


def picture(nodes, edges=()):
    """The picture of (name, status, owner, domain) under these edges; each has two instances, one healthy."""
    known = {n: Node(Service(n, owner=o, domain=d), s, 2, 1) for n, s, o, d in nodes}
    return picture_of(Graph((Edge(*edge) for edge in edges), known), known)


def running(name, status):
    return Running(Instance(name, "i"), Health(status, False, "", None, None))


def test_what_fails_comes_first_then_names():
    shown = [running("b", "healthy"), running("a", "healthy"), running("c", "starting"), running("d", "unhealthy"),
             running("e", "degraded")]  # fmt: skip
    assert [one.instance.service for one in by_urgency(shown)] == ["d", "e", "c", "a", "b"]
    assert status_counts(shown) == {"starting": 1, "healthy": 2, "degraded": 1, "unhealthy": 1}
    nodes = picture([("a", "healthy", "", ""), ("b", "missing", "", ""), ("c", "unhealthy", "", "")])
    assert [node.name for node in worst_first(nodes)] == ["c", "b", "a"]


def test_the_roots_of_what_fails_are_named_with_what_fails_because_of_them():
    nodes = [("db", "unhealthy", "", ""), ("orders", "unhealthy", "", ""), ("web", "healthy", "", "")]
    (cause,) = causes_of(picture(nodes, [("orders", "db"), ("web", "orders")]))
    assert (cause.root, cause.failing, cause.endangered) == (("db",), ("orders",), ("web",))


@pytest.mark.parametrize(
    ("statuses", "is_all"),
    [(["unhealthy"] * 3, True), (["unhealthy"] * 2, False), (["unhealthy"] * 2 + ["degraded"], False), ([], False)],
)
def test_only_where_three_services_all_fail_the_prober_is_suspected(statuses, is_all):
    assert is_all_failing(picture([(f"s{n}", status, "", "") for n, status in enumerate(statuses)])) is is_all


def test_a_fleet_that_fits_is_drawn_as_it_is():
    small = picture([("a", "healthy", "", ""), ("b", "healthy", "", "")], [("a", "b")])
    assert drawable(small, 2) == (small, "service")


def test_a_larger_fleet_is_drawn_by_domain_and_no_group_seems_to_be_on_a_cycle():
    large = picture(
        [("a", "healthy", "", "x"), ("b", "unhealthy", "", "x"), ("c", "empty", "", "y"), ("d", "healthy", "", "")],
        [("a", "c"), ("c", "b", ASYNCHRONOUS, True), ("a", "b"), ("d", "c", ASYNCHRONOUS)],
    )
    drawn, unit = drawable(large, 3)
    assert unit == "domain"
    assert [(n.name, n.service.version, n.status, n.counted) for n in drawn.nodes] == [
        ("no domain", "1 service", "healthy", "1/2 healthy"), ("x", "2 services", "degraded", "2/4 healthy"),
        ("y", "1 service", "healthy", "1/2 healthy"),
    ]  # fmt: skip
    assert drawn.edges == (
        Edge("no domain", "y", ASYNCHRONOUS), Edge("x", "y"), Edge("y", "x", ASYNCHRONOUS, True),
    )  # fmt: skip
    assert drawn.on_cycles == frozenset()


def test_without_domains_it_is_drawn_by_owner_and_without_either_by_what_others_touch_most():
    nodes = [(name, "healthy", owner, "") for name, owner in zip("abcd", "xxyy", strict=True)]
    assert drawable(picture(nodes), 2)[1] == "owner"
    plain = picture([(name, "healthy", "", "") for name in "abcd"], [("a", "d"), ("b", "d"), ("c", "b")])
    drawn, unit = drawable(plain, 2)
    assert (unit, [node.name for node in drawn.nodes], drawn.edges) == ("service", ["b", "d"], (Edge("b", "d"),))
    assert touching(plain) == {"a": (1, 0), "b": (1, 1), "c": (1, 0), "d": (0, 2)}


def test_a_breaker_is_worth_a_line_once_it_was_used_or_is_not_simply_closed():
    noted = [Breaker(), Breaker(total=1), Breaker(state="open"), Breaker(forced="off")]
    assert [BreakerLine("a", "", breaker).is_notable for breaker in noted] == [False, True, True, True]


def test_of_many_links_between_groups_the_main_ones_are_kept():
    groups = "uvwxyz"
    nodes = [(f"{group}{n}", "healthy", "", group) for group in groups for n in range(3)]
    edges = [(f"{a}0", f"{b}1") for a in groups for b in groups if a != b]
    drawn = grouped(picture(nodes, [*edges, ("z0", "y0"), ("z1", "y1")]), "domain")
    assert len(drawn.edges) == 18
    assert Edge("z", "y") in drawn.edges
    assert Edge("z", "x") not in drawn.edges
