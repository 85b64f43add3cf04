"""The dependency graph, against networkx, and on chains that no recursion survives."""

from __future__ import annotations

import networkx
from hypothesis import given
from hypothesis import strategies as st

from mgov.model.graph import Edge, Graph
from mgov.model.service import ASYNCHRONOUS, Dependency, Service

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
    assert CHAIN.ranks()["s00000"] == 10_000
    assert CHAIN.components()[0] == ("s10000",)
    assert CHAIN.cycles() == []


def test_a_cycle_of_ten_thousand_is_one_component_of_one_rank():
    ring = Graph([*CHAIN.edges, Edge("s10000", "s00000")])
    assert [len(cycle) for cycle in ring.cycles()] == [10_001]
    assert set(ring.ranks().values()) == {0}


def test_a_service_that_depends_on_itself_is_a_cycle():
    assert graph(("a", "a"), ("a", "b")).cycles() == [("a",)]


def test_waves_put_what_is_needed_first_and_a_cycle_together():
    found = graph(("web", "orders"), ("orders", "users"), ("users", "orders"), ("users", "db"), ("web", "db"))
    assert found.waves() == [("db",), ("orders", "users"), ("web",)]


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
            assert {found.ranks()[name] for name in condensed.nodes[component]["members"]} == {number}
    assert [name for wave in found.waves() for name in wave] == sorted(
        found.nodes, key=lambda name: (found.ranks()[name], name))
