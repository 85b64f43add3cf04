"""The dependency graph, against networkx, and on chains that no recursion survives."""

from __future__ import annotations

from itertools import pairwise

import networkx
from hypothesis import given
from hypothesis import strategies as st

from mgov.model.graph import Edge, Graph
from mgov.model.service import ASYNCHRONOUS, Dependency, Service
from mgov.model.waves import ranks, waves

names = st.sampled_from([f"s{n}" for n in range(12)])
pairs = st.lists(st.tuples(names, names), max_size=40)


def graph(*pairs: tuple[str, str]) -> Graph:
    return Graph(Edge(*pair) for pair in pairs)


def oracle(pairs: list[tuple[str, str]]) -> networkx.DiGraph:
    return networkx.DiGraph(pairs)


CHAIN = graph(*((f"s{n:05}", f"s{n + 1:05}") for n in range(10_000)))


def test_services_become_nodes_and_their_dependencies_edges_known_or_not():
    found = Graph.of_services([
        Service("orders", dependencies=(Dependency("mail", ASYNCHRONOUS, True), Dependency("users"))),
        Service("alone"),
    ])
    assert found.nodes == ("alone", "mail", "orders", "users")
    assert found.edges == (Edge("orders", "mail", ASYNCHRONOUS, True), Edge("orders", "users"))
    assert [edge.is_hard for edge in found.edges] == [False, True]
    assert found.hard().nodes == found.nodes
    assert found.hard().needs("orders") == ("users",)


def test_an_unknown_name_needs_nobody():
    assert (CHAIN.needs("gone"), CHAIN.dependents("gone"), CHAIN.targets("gone")) == ((), (), ())


def test_a_chain_of_ten_thousand_is_walked_without_recursion():
    assert len(CHAIN.needs("s00000")) == len(CHAIN.dependents("s10000")) == 10_000
    assert ranks(CHAIN)["s00000"] == 10_000
    assert CHAIN.components()[0] == ("s10000",)
    assert CHAIN.cycles() == []


def test_a_cycle_of_ten_thousand_is_one_component_of_one_rank():
    ring = Graph([*CHAIN.edges, Edge("s10000", "s00000")])
    assert [len(cycle) for cycle in ring.cycles()] == [10_001]
    assert set(ranks(ring).values()) == {0}


def test_a_service_that_depends_on_itself_is_a_cycle():
    assert graph(("a", "a"), ("a", "b")).cycles() == [("a",)]


def test_waves_put_what_is_needed_first_and_a_cycle_together():
    found = graph(("web", "orders"), ("orders", "users"), ("users", "orders"), ("users", "db"), ("web", "db"))
    assert waves(found) == [("db",), ("orders", "users"), ("web",)]


@given(pairs)
def test_needs_and_dependents_are_networkxs_descendants_and_ancestors(given_pairs):
    found, expected = graph(*given_pairs), oracle(given_pairs)
    assert set(found.nodes) == set(expected)
    for name in found.nodes:
        assert set(found.needs(name)) == networkx.descendants(expected, name) - {name}
        assert set(found.dependents(name)) == networkx.ancestors(expected, name) - {name}


@given(pairs)
def test_components_and_ranks_are_networkxs(given_pairs):
    found, expected = graph(*given_pairs), oracle(given_pairs)
    components = found.components()
    assert set(map(frozenset, components)) == set(map(frozenset, networkx.strongly_connected_components(expected)))
    place = {name: number for number, component in enumerate(components) for name in component}
    assert all(place[edge.target] <= place[edge.source] for edge in found.edges)
    condensed = networkx.condensation(expected).reverse()
    for number, generation in enumerate(networkx.topological_generations(condensed)):
        for component in generation:
            assert {ranks(found)[name] for name in condensed.nodes[component]["members"]} == {number}
    assert [name for wave in waves(found) for name in wave] == sorted(
        found.nodes, key=lambda name: (ranks(found)[name], name))


@given(pairs)
def test_a_path_is_as_short_as_networkxs_and_made_of_edges(given_pairs):
    found, expected = graph(*given_pairs), oracle(given_pairs)
    for start in found.nodes:
        for end in found.nodes:
            way = found.path(start, end)
            assert all(after in found.targets(before) for before, after in pairwise(way))
            if start != end:
                assert bool(way) == networkx.has_path(expected, start, end)
                assert not way or len(way) == networkx.shortest_path_length(expected, start, end) + 1


@given(pairs)
def test_everything_is_reached_from_the_roots_and_no_root_from_another(given_pairs):
    found = graph(*given_pairs)
    assert found.below(found.roots()).nodes == found.nodes
    for root in found.roots():
        assert not set(found.needs(root)) & set(found.roots()) - {root}


def test_around_a_name_stands_what_is_so_many_edges_away_on_either_side():
    found = graph(("a", "b"), ("b", "c"), ("c", "d"), ("x", "c"))
    assert found.around("c", 1).edges == (Edge("b", "c"), Edge("c", "d"), Edge("x", "c"))
    assert found.around("b").nodes == ("a", "b", "c", "d")
    assert found.around("b", 0).nodes == ("b",)


def test_reversed_twice_is_the_same():
    found = Graph([Edge("a", "b", ASYNCHRONOUS, True), Edge("b", "c")])
    assert found.reversed().edges == (Edge("b", "a", ASYNCHRONOUS, True), Edge("c", "b"))
    assert found.reversed().reversed().edges == found.edges
