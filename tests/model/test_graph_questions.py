"""Cycles, waves, impact, chains, rules, differences and tree lines of a dependency graph, against networkx."""

from __future__ import annotations

from itertools import pairwise

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.model.cycles import Cycle, find_cycles, shortest_cycle
from mgov.model.finding import Finding
from mgov.model.graph import Edge, Graph
from mgov.model.graphcheck import check_graph
from mgov.model.graphdiff import diff_graph
from mgov.model.health import DECLARED, DEGRADED, HEALTHY, MAINTENANCE, STARTING, UNHEALTHY
from mgov.model.impact import Impact, impacts_of, longest_chain
from mgov.model.layers import Forbidden
from mgov.model.picture import EMPTY, status_together
from mgov.model.policy import Policy, parse_policy
from mgov.model.service import ASYNCHRONOUS, SYNCHRONOUS, Dependency, Service
from mgov.model.treelines import TreeLine, tree_lines
from mgov.model.waves import waves

names = st.sampled_from([f"s{n}" for n in range(10)])
pairs = st.lists(st.tuples(names, names), max_size=30)
types = st.sampled_from([SYNCHRONOUS, ASYNCHRONOUS])
edges = st.lists(st.builds(Edge, names, names, types, st.booleans()), max_size=30)


def graph(*pairs: tuple[str, str]) -> Graph:
    return Graph(Edge(*pair) for pair in pairs)


def chain(length: int) -> list[tuple[str, str]]:
    return [(f"s{n:05}", f"s{n + 1:05}") for n in range(length)]


@given(pairs)
def test_each_knot_is_shown_with_a_cycle_as_short_as_networkxs_girth(given_pairs):
    found = graph(*given_pairs)
    for cycle in find_cycles(found):
        inside = networkx.DiGraph(given_pairs).subgraph(cycle.members)
        round_trip = (*cycle.shortest, cycle.shortest[0])
        assert all(after in found.targets(before) for before, after in pairwise(round_trip))
        assert cycle.shortest[0] == min(cycle.shortest)
        assert len(cycle.shortest) == min(len(c) for c in networkx.simple_cycles(inside))


def test_the_shortest_cycle_of_a_ring_of_ten_thousand_is_the_ring():
    ring = graph(*chain(10_000), ("s10000", "s00000"))
    assert [len(cycle.shortest) for cycle in find_cycles(ring)] == [10_001]


def test_a_knot_that_is_too_large_to_search_still_shows_a_cycle_that_is_there():
    knot = graph(*chain(30), ("s00030", "s00000"), ("s00020", "s00003"), ("s00029", "s00015"))
    (members,) = knot.cycles()
    assert len(shortest_cycle(knot, members)) == 15
    assert len(shortest_cycle(knot, members, max_steps=1)) == 31


@given(pairs, st.sets(names))
def test_waves_of_some_keep_the_order_that_the_whole_graph_asks_for(given_pairs, chosen):
    found = graph(*given_pairs)
    wave_of = {name: number for number, wave in enumerate(waves(found, chosen)) for name in wave}
    assert set(wave_of) == chosen & set(found.nodes)
    for name in wave_of:
        for need in found.needs(name):
            if need in wave_of:
                together = name in found.needs(need)
                assert wave_of[need] < wave_of[name] or (together and wave_of[need] == wave_of[name])
    assert all(waves(found, chosen))


@given(edges, names)
def test_who_breaks_is_who_reaches_the_failing_one_over_hard_edges_alone(given_edges, name):
    found = Graph(given_edges, [name])
    impacts = impacts_of(found, name)
    assert {impact.service for impact in impacts} == set(found.dependents(name))
    breaking = {impact.service for impact in impacts if impact.type == SYNCHRONOUS and not impact.is_optional}
    assert breaking >= set(found.hard().dependents(name))
    required = Graph([edge for edge in given_edges if not edge.is_optional], [name])
    assert {i.service for i in impacts if not i.is_optional} == set(required.dependents(name))
    for impact in impacts:
        assert (impact.path[0], impact.path[-1]) == (impact.service, name)
        assert all(after in found.targets(before) for before, after in pairwise(impact.path))


def test_a_required_path_is_told_although_an_optional_one_is_shorter():
    found = Graph([Edge("web", "users", is_optional=True), Edge("web", "orders"), Edge("orders", "users")])
    assert impacts_of(found, "users") == [
        Impact("orders", ("orders", "users"), SYNCHRONOUS, False),
        Impact("web", ("web", "orders", "users"), SYNCHRONOUS, False),
    ]


@given(pairs)
def test_the_longest_chain_is_as_long_as_networkxs_where_there_is_no_cycle(given_pairs):
    acyclic = [(a, b) for a, b in given_pairs if a < b]
    found = longest_chain(graph(*acyclic))
    assert all(pair in acyclic for pair in pairwise(found))
    assert max(len(found) - 1, 0) == networkx.dag_longest_path_length(networkx.DiGraph(acyclic), weight=None)


@given(pairs)
def test_the_longest_chain_is_made_of_edges_and_names_nobody_twice_although_there_are_cycles(given_pairs):
    found = longest_chain(graph(*given_pairs))
    assert all(pair in given_pairs for pair in pairwise(found))
    assert len(set(found)) == len(found)


def test_a_chain_of_ten_thousand_is_the_longest_in_itself():
    assert len(longest_chain(graph(*chain(10_000)))) == 10_001


FLEET = {
    "web": Service("web", tier="web"),
    "orders": Service("orders", domain="shop"),
    "orders-db": Service("orders-db", tier="data"),
}


def test_each_kind_of_fault_is_a_finding_of_its_own():
    found = graph(("web", "orders"), ("orders", "web"), ("orders", "orders"), ("web", "gone"), ("web", "orders-db"))
    rules = (Forbidden("web", "data", "through orders"), Forbidden("web", "*-db"))
    assert check_graph(found, FLEET, rules) == [
        Finding("cycle", "orders -> web -> orders", "they need each other", ("orders", "web")),
        Finding("self", "orders", "it depends on itself", ("orders",)),
        Finding("dangling", "gone", "nobody registered it; needed by web", ("gone",)),
        Finding("forbidden", "web -> orders-db", "web -> data is forbidden: through orders", ("web", "orders-db")),
    ]


def test_a_rule_matches_a_tier_a_domain_or_a_name():
    found = graph(("web", "orders"), ("orders", "orders-db"))
    for source, target, subject in (
        ("web", "shop", "web -> orders"), ("shop", "data", "orders -> orders-db"), ("w?b", "ord*s", "web -> orders")
    ):
        assert [f.subject for f in check_graph(found, FLEET, [Forbidden(source, target)])] == [subject]
    assert check_graph(found, FLEET, [Forbidden("data", "web")]) == []


def test_a_cycle_with_an_asynchronous_edge_passes_where_only_synchronous_ones_count():
    found = Graph([Edge("web", "orders"), Edge("orders", "web", ASYNCHRONOUS)])
    assert len(check_graph(found, FLEET)) == 1
    assert check_graph(found, FLEET, is_synchronous=True) == []


@pytest.mark.parametrize(
    ("document", "message", "hint"),
    [
        ({"grap": {}}, "the policy has no key 'grap'", "did you mean graph?"),
        ({"graph": []}, "graph must be a table, not []", None),
        ({"graph": {"forbiden": []}}, "graph has no key 'forbiden'", "did you mean forbidden?"),
        (
            {"graph": {"forbidden": {}}},
            "graph.forbidden must be written as [[graph.forbidden]] with from and to, not {}",
            None,
        ),
        ({"graph": {"forbidden": ["web"]}}, "graph.forbidden[0] must be a table with from and to, not 'web'", None),
        (
            {"graph": {"forbidden": [{"from": "a", "too": "b"}]}},
            "graph.forbidden[0]: a forbidden dependency has no key 'too'",
            "did you mean to?",
        ),
        (
            {"graph": {"forbidden": [{"from": 1, "to": "b"}]}},
            "graph.forbidden[0]: from must be text in quotes, not 1",
            None,
        ),
        (
            {"graph": {"forbidden": [{"from": "a", "to": "b"}, {"from": "a"}]}},
            "graph.forbidden[1] lacks 'to'",
            'write it like { from = "web", to = "data" }',
        ),
    ],
)
def test_a_policy_is_read_strictly(document, message, hint):
    with pytest.raises(UsageError) as caught:
        parse_policy(document)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_policy_says_what_is_forbidden_and_none_forbids_nothing():
    assert parse_policy({}) == Policy()
    document = {"graph": {"forbidden": [{"from": "web", "to": "data", "reason": "r"}]}}
    assert parse_policy(document) == Policy((Forbidden("web", "data", "r"),))


def test_a_difference_names_new_services_edges_that_come_go_or_change_and_cycles_that_were_not_there():
    before = {
        "a": Service("a", dependencies=(Dependency("b"), Dependency("c"))),
        "b": Service("b", dependencies=(Dependency("a"),)),
        "c": Service("c"),
    }
    wanted = [
        Service("a", dependencies=(Dependency("b", ASYNCHRONOUS), Dependency("d"))),
        Service("d", dependencies=(Dependency("a"),)),
    ]
    found = diff_graph(before, wanted)
    assert found.services == ("d",)
    assert [(step.action, *step.edge[:2]) for step in found.steps] == [
        ("changed", "a", "b"), ("removed", "a", "c"), ("added", "a", "d"), ("added", "d", "a")
    ]
    assert found.cycles == (Cycle(("a", "b", "d"), ("a", "b")),)
    assert diff_graph(before, [before["b"]]) == ((), (), ())


def test_a_tree_shows_each_subtree_once_and_marks_cycles_and_what_is_too_deep():
    found = graph(("a", "b"), ("a", "c"), ("b", "c"), ("c", "d"), ("d", "b"))
    assert list(tree_lines(found, ["a"])) == [
        TreeLine("a", "", ()),
        TreeLine("b", "a", (True,)),
        TreeLine("c", "b", (True, False)),
        TreeLine("d", "c", (True, False, False)),
        TreeLine("b", "d", (True, False, False, False), "cycle"),
        TreeLine("c", "a", (False,), "again"),
    ]
    assert [(line.name, line.mark) for line in tree_lines(found, ["a"], 1)] == [("a", ""), ("b", "cut"), ("c", "cut")]


def test_a_tree_of_a_chain_of_ten_thousand_ends_at_sixty_unless_it_is_told_how_deep():
    found = graph(*chain(10_000))
    assert [line.mark for line in tree_lines(found, ["s00000"])][-2:] == ["", "cut"]
    assert sum(1 for _ in tree_lines(found, ["s00000"])) == 61
    assert sum(1 for _ in tree_lines(found, ["s00000"], 1_000)) == 1_001


@pytest.mark.parametrize(
    ("statuses", "together"),
    [
        ((), EMPTY),
        ((HEALTHY, STARTING, MAINTENANCE), HEALTHY),
        ((UNHEALTHY, HEALTHY), DEGRADED),
        ((UNHEALTHY, DECLARED), DEGRADED),
        ((DEGRADED,), DEGRADED),
        ((UNHEALTHY, STARTING), UNHEALTHY),
        ((STARTING, DECLARED), STARTING),
        ((DECLARED, MAINTENANCE), DECLARED),
        ((MAINTENANCE,), MAINTENANCE),
    ],
)
def test_what_instances_are_together(statuses, together):
    assert status_together(statuses) == together
