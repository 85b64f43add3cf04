"""The rules of an audit, each against a fleet that keeps it and one that breaks it: who is blamed, why, what mends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.model.auditpolicy import RULES, WEIGHTS
from mgov.model.breaker_policy import BreakerPolicy
from mgov.model.graph import Graph
from mgov.model.health import Check
from mgov.model.instance import Instance
from mgov.model.practice import Breach, Facts, Guard, listed, quoted
from mgov.model.practices import PRACTICES, find_breaches
from mgov.model.service import ASYNCHRONOUS, Dependency, Service

NEVER = "its breaker never opens by itself"
HTTP, TCP, NONE = Check("http", "http://h:1/health"), Check("tcp", "tcp://h:1"), Check("none")


def fleet(*services, instances=None, **more):
    """The facts of these services, with the graph that they declare."""
    return Facts({s.name: s for s in services}, instances or {}, Graph.of_services(services), **more)


def needing(name, *targets, **fields):
    return Service(name, dependencies=tuple(Dependency(target) for target in targets), **fields)


def found(rule, facts):
    return list(PRACTICES[rule].find(facts))


def test_every_rule_has_a_weight_and_every_weight_a_rule():
    assert tuple(PRACTICES) == RULES == tuple(WEIGHTS)
    assert list(WEIGHTS.values()) == sorted(WEIGHTS.values(), reverse=True)


def test_a_fleet_in_which_all_is_well_breaks_nothing():
    pair = [Instance("orders", f"o{n}", "h", 80 + n, check=HTTP) for n in range(2)]
    facts = fleet(
        Service("orders", owner="shop", domain="sales", api=("GET /",), datastores=("orders-db",)),
        instances={"orders": pair},
        configured={"orders"},
    )
    assert find_breaches(facts, RULES) == []
    assert find_breaches(fleet(), RULES) == []


def test_what_has_no_owner_or_no_domain_is_told_what_it_lacks():
    facts = fleet(Service("a"), Service("b", owner="x"), Service("c", owner="x", domain="y"))
    assert found("ownership", facts) == [
        Breach("ownership", "a", "it has no owner and no domain", "mgov register a --owner TEAM --domain DOMAIN"),
        Breach("ownership", "b", "it has no domain", "mgov register b --domain DOMAIN"),
    ]


@pytest.mark.parametrize(
    ("instance", "reason"),
    [
        (Instance("a", "i", "h", 80, check=NONE), "nothing checks it"),
        (Instance("a", "i", "h", 80, check=TCP), "only its port is tried, although it speaks HTTP"),
        (Instance("a", "i", "h", 80, "grpc", check=TCP), ""),
        (Instance("a", "i", "h", 80, check=HTTP), ""),
        (Instance("a", "i", check=NONE, ttl_s=30.0), ""),
    ],
)
def test_a_check_that_cannot_tell_a_service_that_works_from_one_that_hangs_is_named(instance, reason):
    breaches = found("health-check", fleet(Service("a"), instances={"a": [instance]}))
    mend = "mgov register a http://h:80 --id i --health /health"
    assert breaches == ([Breach("health-check", "a", f"{reason}: 1 of 1 instances (i)", mend)] if reason else [])


def test_fewer_than_two_instances_are_too_few_but_what_cannot_be_read_is_not_counted():
    facts = fleet(
        *map(Service, "abcd"), instances={"a": [Instance("a", "i", "h", 1, "grpc")], "b": [None, None]}, blind={"c"}
    )
    assert found("redundancy", facts) == [
        Breach("redundancy", "a", "it has one instance", "mgov register a grpc://HOST:PORT"),
        Breach("redundancy", "d", "it has no instances", "mgov register d http://HOST:PORT"),
    ]


def test_only_what_speaks_http_must_declare_an_api():
    members = {name: [Instance(name, "i", host, 1, protocol)] for name, host, protocol in (
        ("web", "h", "https"), ("cache", "h", "redis"), ("worker", "", "http"),
    )}  # fmt: skip
    facts = fleet(Service("web"), Service("cache"), Service("worker"), Service("new"), instances=members)
    assert [(b.service, b.mend) for b in found("api", facts)] == [
        ("web", "mgov register web --api openapi.yaml"), ("new", "mgov register new --api openapi.yaml"),
    ]  # fmt: skip


def test_a_shared_datastore_counts_against_all_who_share_it():
    facts = fleet(
        Service("a", datastores=("db", "x y")),
        Service("b", datastores=("db",)),
        Service("c", datastores=("x y", "own")),
    )
    assert found("datastore", facts) == [
        Breach("datastore", "a", "the datastore db is shared by a and b",
               "mgov register b --datastore b-db", ("a", "b")),
        Breach("datastore", "a", "the datastore x y is shared by a and c",
               "mgov register c --datastore 'c-x y' --datastore own", ("a", "c")),
    ]  # fmt: skip


def test_a_circle_of_synchronous_calls_is_one_breach_of_all_in_it_and_an_asynchronous_step_breaks_it():
    a, b = needing("a", "b"), Service("b", dependencies=(Dependency("c", is_optional=True),))
    c = Service("c", dependencies=(Dependency("a"), Dependency("z", ASYNCHRONOUS, True)))
    mend = "mgov register c --depends-on a:async --depends-on z:async:optional"
    assert found("cycle", fleet(a, b, c)) == [Breach("cycle", "a", "a -> b -> c -> a", mend, ("a", "b", "c"))]
    assert found("cycle", fleet(a, b, Service("c", dependencies=(Dependency("a", ASYNCHRONOUS),)))) == []


def test_a_name_that_nobody_registered_is_named_with_the_one_that_may_be_meant():
    facts = fleet(needing("web", "oders", "mail"), Service("orders"), needing("b", "broken"), damaged={"broken"})
    assert found("dangling", facts) == [
        Breach("dangling", "web", "it needs oders and mail, which nobody registered (is orders meant?)",
               "mgov register oders http://HOST:PORT"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "guard", "evidence"),
    [
        (None, None, "nothing says when its breaker opens"),
        (None, Guard(is_used=True), None),
        (None, Guard(), "nothing says when its breaker opens"),
        (BreakerPolicy(threshold=3), None, None),
        (BreakerPolicy(threshold=3), Guard(True, "off"), "its breaker is switched off"),
        (BreakerPolicy(threshold=0, failure_rate=0), Guard(True), NEVER),
        (BreakerPolicy(threshold=0, failure_rate=0, slow_call_s=2), None, None),
        (BreakerPolicy(threshold=0, failure_rate=0, slow_call_s=2, slow_rate=0), None, NEVER),
    ],
)
def test_a_service_that_others_call_stands_behind_a_breaker_that_can_open(policy, guard, evidence):
    guards = {"b": guard} if guard is not None else {}
    facts = fleet(needing("a", "b"), Service("b", breaker=policy), guards=guards)
    assert [b.evidence for b in found("breaker", facts)] == ([f"a calls it, and {evidence}"] if evidence else [])


def test_a_service_that_nobody_calls_or_only_asynchronously_needs_no_breaker():
    facts = fleet(Service("a", dependencies=(Dependency("b", ASYNCHRONOUS),)), Service("b"))
    assert found("breaker", facts) == []


def test_a_chain_through_too_many_domains_is_told_once_at_its_head_and_mended_where_it_goes_too_far():
    chain = [needing("a", "b", domain="front"), needing("b", "c", domain="shop"), needing("c", "d", domain="shop"),
             needing("d", "e", domain="stock"), Service("e", domain="bank")]  # fmt: skip
    assert found("domains", fleet(*chain)) == [
        Breach("domains", "a",
               "one call passes 4 domains, at most 3 may be: a (front), b (shop), d (stock) and e (bank)",
               "mgov register d --depends-on e:async"),
    ]  # fmt: skip
    assert [breach.service for breach in found("domains", fleet(*chain, max_domains=2))] == ["a"]
    assert found("domains", fleet(*chain, max_domains=4)) == []
    assert found("domains", fleet(*(s._replace(domain="") if s.name == "d" else s for s in chain))) == []


def test_a_service_without_configuration_is_named():
    assert [b.service for b in found("configuration", fleet(Service("a"), Service("b"), configured={"b"}))] == ["a"]


def test_names_are_listed_in_words_and_quoted_for_a_shell():
    assert [listed(list("abcdefg")[:n]) for n in (0, 1, 2, 5, 6)] == [
        "", "a", "a and b", "a, b, c, d and e", "a, b, c, d and 2 more",
    ]  # fmt: skip
    words = {"a-b.c": "a-b.c", "": "''", "a b": "'a b'", "it's": "'it'\\''s'", "$(x)": "'$(x)'"}
    assert {text: quoted(text) for text in words} == words


NAMES = st.sampled_from("abcdef")
SERVICES = st.dictionaries(
    NAMES, st.tuples(st.sets(NAMES), st.sampled_from(["", "x", "y", "z"]), st.booleans()), max_size=6
)


@given(SERVICES, st.integers(1, 3))
def test_the_rules_hold_for_any_graph_and_blame_only_registered_services(drawn, most):
    services = [
        Service(name, domain=domain, dependencies=tuple(
            Dependency(t, ASYNCHRONOUS if is_async else "synchronous") for t in sorted(targets - {name})
        ))
        for name, (targets, domain, is_async) in drawn.items()
    ]  # fmt: skip
    breaches = find_breaches(fleet(*services, max_domains=most), RULES)
    assert all(set(breach.blamed) <= drawn.keys() for breach in breaches)
    assert all(breach.evidence and breach.mend.startswith("mgov ") for breach in breaches)
