"""The dependency graph over a store: health in the picture, and the same answers with an event loop."""

import asyncio

import pytest

from mgov.errors import InvalidName, NotFound
from mgov.governance.platform import Platform
from mgov.model.graph import Edge
from mgov.model.picture import Node
from mgov.model.registration import Registration
from mgov.model.service import Dependency, Service


def register(platform, name, *needs, url=None, health="none"):
    fields = Registration(dependencies=[Dependency(need) for need in needs], health=health if url else None)
    platform.registry.register(name, url, fields=fields)


def test_a_picture_says_of_each_service_what_its_instances_are_together(platform, server, clock):
    register(platform, "orders", "users", "gone", url=server.url, health="/")
    platform.registry.register("orders", "http://127.0.0.1:1", fields=Registration(health="none"))
    register(platform, "users")
    platform.monitor.sweep()
    nodes = {node.name: node for node in platform.graphs.picture().nodes}
    assert (nodes["orders"].status, nodes["orders"].counted) == ("healthy", "1/2 healthy")
    assert nodes["users"] == Node(Service("users", origin="register"), "empty")
    assert nodes["gone"] == Node(Service("gone"), "missing")
    assert not nodes["orders"].is_stale
    clock.advance(3600)
    assert platform.graphs.picture(around="orders", depth=0).nodes[0].is_stale


def test_each_question_refuses_a_name_that_is_none_and_one_that_nobody_knows(platform):
    register(platform, "orders", "mail")
    for ask in (
        platform.graphs.impact,
        lambda name: platform.graphs.path("orders", name),
        lambda name: platform.graphs.path(name, "orders"),
        lambda name: platform.graphs.graph(around=name),
        lambda name: platform.graphs.order([name]),
    ):
        with pytest.raises(InvalidName):
            ask("../orders")
        with pytest.raises(NotFound):
            ask("nobody")
    assert platform.graphs.path("orders", "mail") == [Edge("orders", "mail")]
    with pytest.raises(NotFound):
        platform.graphs.order(["mail"])                     # somebody needs it, but there is nothing to deploy


def test_the_longest_synchronous_chain_leaves_asynchronous_calls_out(platform):
    register(platform, "web", "orders")
    fields = Registration(dependencies=[Dependency("users", "asynchronous"), Dependency("stock")])
    platform.registry.register("orders", fields=fields)
    register(platform, "users", "vault")
    assert platform.graphs.longest_chain() == ("web", "orders", "stock")


def test_with_an_event_loop_the_answers_are_the_same(platform, store_path):
    register(platform, "orders", "users")
    register(platform, "users", "orders")

    async def ask():
        async with Platform.open(store_path) as other:
            return await other.graphs.cycles(), await other.graphs.order(), await other.graphs.impact("users")

    graphs = platform.graphs
    assert asyncio.run(ask()) == (graphs.cycles(), graphs.order(), graphs.impact("users"))
