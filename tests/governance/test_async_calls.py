"""Calls in an event loop."""

import asyncio
import threading

import pytest
from callkit import FakeBreakers, fleet, tried
from fakes import FakeClock
from upstream import says, stalls

from mgov.errors import NotFound
from mgov.governance.async_calls import AsyncCalls
from mgov.model.call import Call


def test_on_an_event_loop_the_same_rules_hold_and_many_run_at_once(make, platform, serve):
    bad, good = serve(says(503)), serve()
    fleet(platform, bad.url, good.url)
    platform.clock.sleep = None                                 # nobody may block the loop

    async def act():
        calls = AsyncCalls(make(platform, FakeClock()))
        found = await asyncio.gather(*(calls.get("orders") for _ in range(8)))
        with pytest.raises(NotFound):
            await calls.get("nobody")
        plan = await calls.plan(Call("orders"))
        await calls.close()
        return found, plan

    found, plan = asyncio.run(act())
    assert [tried(called) for called in found] == [[("a", 503), ("b", 200)]] * 8
    assert plan.members[0].instance.id == "a"


def test_a_cancelled_call_frees_its_permits(make, platform, clock, serve):
    let_go, breakers = threading.Event(), FakeBreakers()
    fleet(platform, serve(stalls(let_go)).url)

    async def act():
        calls = AsyncCalls(make(platform, clock, breakers=breakers))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await calls.get("orders")
        await calls.close()

    try:
        asyncio.run(act())
    finally:
        let_go.set()
    assert breakers.log == [("a", "cancelled"), ("orders", "cancelled")]


def test_a_call_that_is_cancelled_while_it_asks_the_store_waits_for_the_answer_and_gives_it_back(
    make, platform, clock, serve
):
    let_go, breakers = threading.Event(), FakeBreakers()
    ask = breakers.permit

    def ask_slowly(*words, **options):
        let_go.wait(10)
        return ask(*words, **options)

    breakers.permit = ask_slowly
    fleet(platform, serve().url)

    async def act():
        calls = AsyncCalls(make(platform, clock, breakers=breakers))
        asyncio.get_running_loop().call_later(0.1, let_go.set)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await calls.get("orders")

    asyncio.run(act())
    assert breakers.log == [("a", "cancelled"), ("orders", "cancelled")]


def test_the_platform_has_calls_both_ways(platform, serve):
    fleet(platform, serve().url)
    assert platform.calls.get("orders").body == b"ok\n"
    assert platform.calls is platform.calls

    async def act():
        async with platform as twin:
            return await twin.calls.get("orders")

    assert asyncio.run(act()).body == b"ok\n"
