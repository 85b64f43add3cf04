"""Root causes, against the definition spelled out with networkx; and when the prober itself is suspected."""

from __future__ import annotations

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportkit import result

from mgov.model.graph import Edge, Graph
from mgov.model.rootcause import Cause, diagnose, failing_services, suspect_prober
from mgov.model.service import ASYNCHRONOUS

names = st.sampled_from([f"s{n}" for n in range(10)])
edges = st.builds(Edge, names, names, st.sampled_from(["synchronous", ASYNCHRONOUS]), st.booleans())


def graph(*pairs: tuple[str, str]) -> Graph:
    return Graph(Edge(*pair) for pair in pairs)


SHOP = graph(("web", "orders"), ("orders", "users"), ("users", "db"), ("web", "mail"))


def test_the_one_that_needs_no_failing_one_is_the_root_and_the_rest_follows():
    found = diagnose(SHOP, ["orders", "db", "web"])
    assert found.causes == (Cause(("db",), ("orders", "web"), ("users",)),)
    assert found.roots_of == {"db": (("db",),), "orders": (("db",),), "web": (("db",),)}
    assert found.ordered() == [("db", 0), ("orders", 1), ("web", 1)]


def test_a_service_with_two_roots_stands_once_under_the_first():
    found = diagnose(SHOP, ["web", "mail", "db"])
    assert found.roots_of["web"] == (("db",), ("mail",))
    assert found.ordered() == [("db", 0), ("web", 1), ("mail", 0)]


def test_a_failing_cycle_is_one_root():
    found = diagnose(graph(("a", "b"), ("b", "a"), ("c", "a")), ["a", "b", "c"])
    assert found.causes == (Cause(("a", "b"), ("c",)),)


def test_of_a_cycle_in_which_one_fails_that_one_is_the_root():
    assert diagnose(graph(("a", "b"), ("b", "a")), ["a"]).causes == (Cause(("a",), (), ("b",)),)


def test_an_asynchronous_or_optional_dependency_passes_no_blame():
    soft = Graph([Edge("web", "mail", ASYNCHRONOUS), Edge("web", "ads", is_optional=True)])
    assert diagnose(soft, ["web", "mail", "ads"]).causes == (Cause(("ads",)), Cause(("mail",)), Cause(("web",)))


def test_nothing_fails_and_unknown_services_fail_alone():
    assert diagnose(SHOP, []).causes == ()
    assert diagnose(SHOP, ["gone"]).causes == (Cause(("gone",)),)


def test_a_failing_chain_of_ten_thousand_has_one_root():
    chain = graph(*((f"s{n:05}", f"s{n + 1:05}") for n in range(10_000)))
    causes = diagnose(chain, chain.nodes).causes
    assert [(cause.root, len(cause.failing)) for cause in causes] == [(("s10000",), 10_000)]


@given(st.lists(edges, max_size=25), st.sets(names))
def test_roots_are_the_failing_needs_that_have_no_failing_need_of_their_own(given_edges, failing):
    hard = networkx.DiGraph([(e.source, e.target) for e in given_edges if e.is_hard])
    hard.add_nodes_from(failing)
    reach = {name: networkx.descendants(hard, name) | {name} for name in hard}
    found = diagnose(Graph(given_edges), failing)
    for name in failing:
        blamed = {n for n in reach[name] & failing if all(n in reach[other] for other in reach[n] & failing)}
        assert {n for root in found.roots_of[name] for n in root} == blamed
    for cause in found.causes:
        first = cause.root[0]
        assert cause.root == tuple(n for n in sorted(failing) if n in reach[first] and first in reach[n])
        touched = {n for n in hard if first in reach[n]} - set(cause.root)
        assert set(cause.failing) == touched & failing
        assert set(cause.endangered) == touched - failing
    assert sorted({name for name, _ in found.ordered()}) == sorted(failing)
    assert len(found.ordered()) == len(failing)


@pytest.mark.parametrize(("statuses", "is_failing"), [
    (["unhealthy"], True), (["unhealthy", "healthy"], False), (["unhealthy", "degraded"], False),
    (["unhealthy", "maintenance"], True), (["unhealthy", "starting"], True), (["unhealthy", "declared"], False),
    (["starting"], False), (["maintenance"], False),
])
def test_a_service_fails_when_an_instance_does_and_none_could_be_used(statuses, is_failing):
    found = [result(status, instance=str(n)) for n, status in enumerate(statuses)]
    assert failing_services([*found, result("unhealthy", service="")]) == ({"orders"} if is_failing else set())


def dead(host: str, error: str = "refused", **fields: object):
    return result("unhealthy", url=f"http://{host}/", evidence={"error": error, "total_ms": 1.0}, **fields)


def test_a_service_that_could_not_be_probed_from_here_does_not_fail_by_what_was_known_before():
    unseen = result("unhealthy", "its files may not be read here", is_local=True)
    assert failing_services([unseen]) == set()
    assert failing_services([unseen, result("unhealthy")]) == {"orders"}


def test_when_nothing_can_be_reached_on_several_hosts_the_prober_is_suspected():
    words = "none of 3 targets on 2 hosts could be reached: is the network of this machine at fault?"
    assert suspect_prober([dead("a:1"), dead("a:2", "dns"), dead("b:1", "timeout")]) == words
    idle, silent = result("maintenance", evidence={}), result("unhealthy", "no heartbeat", evidence={})
    local = dead("b:1", "local-error", is_local=True)
    assert suspect_prober([dead("a:1"), idle, silent, dead("a:2", "unreachable"), local]) == words


@pytest.mark.parametrize("fleet", [
    [], [dead("a:1"), dead("b:1")], [dead("a:1"), dead("a:2"), dead("a:3")],
    [dead("a/x"), dead("a/y"), dead("a:1/x:2")], [dead("[::1]"), dead("[::1]:1"), dead("[::1]:2/x")],
    [dead("a:1"), dead("b:1"), dead("c:1"), result()],
    [dead("a:1"), dead("b:1"), dead("c:1", "tls")],
    [dead("a:1"), dead("b:1"), result("unhealthy", "HTTP 500")],
    [dead(f"{host}:1", "untrusted", is_local=True) for host in "abc"],
    [result("missing", service=name, instance="", url="", evidence={}, is_local=True) for name in "abc"],
    [dead("a:1")._replace(url=f"command:check {name}") for name in "abc"],
    [dead("a:1"), dead("b:1"), result("unhealthy", evidence={"error": "timeout", "connect_ms": 1.0})],
])
def test_a_few_targets_one_host_or_anything_that_was_reached_clears_the_prober(fleet):
    assert suspect_prober(fleet) == ""
