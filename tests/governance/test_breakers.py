"""Breakers over a real store: what processes share, what a program holds in memory, what damage and faults do."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from mgov import Platform, Registration
from mgov.clock import SystemClock
from mgov.errors import BreakerOpen, InvalidName, NotFound, StoreFull, UsageError
from mgov.governance.breaker_local import LocalBreaker
from mgov.governance.breakers import Breakers
from mgov.governance.concurrent import AsyncBreakers
from mgov.model.breaker_policy import BreakerPolicy

FAST = {"threshold": 1}


@pytest.fixture
def breakers(platform):
    platform.registry.register("orders", "http://127.0.0.1:8080", fields=Registration(id="one"))
    return platform.breakers


def fail(breakers, instance=None, *, times=1):
    for _ in range(times):
        breakers.permit("orders", instance).failure("timeout")


def state(breakers, instance=""):
    return breakers.show("orders")[1].get(instance).state


def test_a_refusal_says_why_and_when_to_try_again(breakers, clock):
    fail(breakers, times=5)
    clock.advance(10)
    with pytest.raises(BreakerOpen) as caught:
        breakers.permit("orders")
    assert caught.value.message == (
        "the breaker of orders is open (5 failures in a row, the last: timeout); try again in 47s"
    )
    assert caught.value.hint == "mgov breaker show orders"
    assert caught.value.retry_after_s == pytest.approx(47.0)
    assert (caught.value.code, caught.value.exit_status) == ("breaker-open", 6)


def test_a_refusal_that_nobody_set_an_end_to_has_no_time(breakers):
    breakers.force("orders", "open", reason="upgrade")
    with pytest.raises(BreakerOpen, match=r"^the breaker of orders is forced open \(upgrade\)$") as caught:
        breakers.permit("orders")
    assert caught.value.retry_after_s is None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_was_counted_before_a_fork_is_told_once(breakers):
    local = breakers.local("orders")
    for _ in range(3):
        local.permit().failure("timeout")
    child = os.fork()
    if child == 0:                                      # the test's other half, which never returns to pytest
        local.permit().failure("timeout")
        breakers.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    breakers.flush()
    known = breakers.show("orders")[1].get()
    assert (known.state, known.failed, known.failures) == ("closed", 4, 4)


def test_an_unknown_service_is_not_found_whatever_is_asked(breakers):
    for ask in (
        lambda: breakers.permit("ordrs"), lambda: breakers.check("ordrs"), lambda: breakers.show("ordrs"),
        lambda: breakers.record("ordrs", None, "success"), lambda: breakers.trip("ordrs"),
        lambda: breakers.reset("ordrs"), lambda: breakers.force("ordrs", "off"), lambda: breakers.local("ordrs"),
        lambda: breakers.set_policy("ordrs", FAST), lambda: breakers.guard_instances("ordrs", []),
    ):  # fmt: skip
        with pytest.raises(NotFound, match=r"^no service ordrs$") as caught:
            ask()
        assert caught.value.hint == "did you mean orders?"
    with pytest.raises(InvalidName):
        breakers.permit("../orders")


def test_an_instance_that_nobody_registered_is_not_found_unless_it_was_used(breakers, platform):
    for ask in (
        lambda: breakers.permit("orders", "oen"), lambda: breakers.check("orders", "oen"),
        lambda: breakers.record("orders", None, "success", instance="oen"), lambda: breakers.trip("orders", "oen"),
        lambda: breakers.reset("orders", "oen"), lambda: breakers.force("orders", "off", "oen"),
    ):  # fmt: skip
        with pytest.raises(NotFound, match=r"^no instance oen of orders$") as caught:
            ask()
        assert caught.value.hint == "did you mean one?"
    assert set(breakers.show("orders")[1].breakers) == {""}
    breakers.trip("orders", "one")
    assert state(breakers, "one") == "open"


def test_a_block_ends_in_success_failure_or_what_it_was_told(breakers):
    breakers.set_policy("orders", {"threshold": 2})
    with pytest.raises(TimeoutError), breakers.permit("orders"):
        raise TimeoutError
    with pytest.raises(KeyboardInterrupt), breakers.permit("orders"):
        raise KeyboardInterrupt
    with breakers.permit("orders") as permit:
        permit.ignore()
    permit = breakers.permit("orders")
    with pytest.raises(ZeroDivisionError), permit:
        permit.success() or 1 // 0
    found = breakers.show("orders")[1].get()
    assert (found.total, found.successful, found.failed, found.state) == (3, 1, 1, "closed")


def test_a_permit_is_reported_once(breakers):
    permit = breakers.permit("orders")
    permit.success()
    permit.failure()
    permit.ignore()
    permit.cancel()
    found = breakers.show("orders")[1].get()
    assert (found.total, found.successful, found.failed) == (1, 1, 0)


def test_a_shell_checks_and_records(breakers, clock):
    breakers.set_policy("orders", FAST)
    assert breakers.check("orders") == ""
    assert breakers.record("orders", None, "failure", kind="5xx") == (True, "closed", "open", "1 failure: 5xx")
    with pytest.raises(BreakerOpen):
        breakers.check("orders")
    clock.advance(60)
    token = breakers.check("orders")
    with pytest.raises(BreakerOpen, match=r"half-open \(1 failure: 5xx\), with 1 probe under way"):
        breakers.check("orders")
    assert breakers.record("orders", None, "success") == (False, "half-open", "half-open", "1 failure: 5xx")
    assert breakers.record("orders", token, "success") == (True, "half-open", "closed", "1 probe passed")
    assert breakers.record("orders", token, "failure").counts is False
    with pytest.raises(UsageError, match="is not a token"):
        breakers.record("orders", "nonsense", "success")


def test_checking_a_closed_or_open_breaker_writes_nothing(breakers, store_path):
    assert breakers.check("orders") == ""
    assert not Path(store_path, "state", "breaker").exists()
    fail(breakers, times=5)
    file = Path(store_path, "state", "breaker", "orders.json")
    before = file.read_bytes()
    with pytest.raises(BreakerOpen):
        breakers.check("orders")
    assert file.read_bytes() == before


def test_an_instance_has_a_breaker_of_its_own_and_the_last_is_never_stopped(breakers, platform):
    platform.registry.register("orders", "http://127.0.0.1:8081", fields=Registration(id="two"))
    breakers.set_policy("orders", FAST)
    fail(breakers, "one")
    assert (state(breakers), state(breakers, "one"), state(breakers, "two")) == ("closed", "open", "closed")
    with pytest.raises(BreakerOpen, match=r"^the breaker of orders/one is open"):
        breakers.permit("orders", "one")
    assert breakers.guard_instances("orders", ["one", "two"]) == {"one"}
    assert breakers.guard_instances("orders", ["one"]) == frozenset()
    breakers.permit("orders", "one", among=["one"]).success()
    fail(breakers, "two")
    assert breakers.guard_instances("orders", ["one", "two"]) == {"two"}
    breakers.permit("orders", "one").success()
    assert state(breakers, "one") == "open"             # it was no probe
    local = breakers.local("orders", "two")
    with pytest.raises(BreakerOpen):
        local.permit()
    local.permit(among=["two"]).success()


def test_what_one_process_did_the_other_sees(breakers, store_path, clock):
    with Platform.open(store_path, clock=clock) as other:
        fail(breakers, times=3)
        fail(other.breakers, times=2)
        with pytest.raises(BreakerOpen):
            breakers.permit("orders")


def test_local_breakers_tell_what_they_saw_once_a_second_and_share_the_row(breakers, store_path, clock):
    ours = breakers.local("orders")
    assert breakers.local("orders") is ours
    with Platform.open(store_path, clock=clock) as other:
        theirs = other.breakers.local("orders")
        for local in (ours, ours, ours, theirs):
            local.permit().failure()
        # Nothing was told yet; the first call after a second tells it.
        assert breakers.show("orders")[1].get().failed == 0
        clock.advance(1)
        ours.permit().success()
        assert breakers.show("orders")[1].get().failed == 3
        late = theirs.permit()
        assert breakers.show("orders")[1].get().failures == 4
        late.failure()
        assert (state(breakers), ours.breaker.state) == ("open", "closed")
        ours.permit().success()                         # the transition is not known here yet
        clock.advance(1)
        with pytest.raises(BreakerOpen):
            ours.permit()
    found = breakers.show("orders")[1].get()
    assert (found.successful, found.failed, found.rejected) == (2, 5, 0)
    breakers.flush()
    assert breakers.show("orders")[1].get().rejected == 1


def test_a_store_that_stalls_holds_up_one_call_and_not_all(breakers, platform, clock, monkeypatch):
    local, read = breakers.local("orders"), platform.store.read
    local.permit().success()
    is_stuck, may_go_on = threading.Event(), threading.Event()

    def stuck(key):
        is_stuck.set()
        may_go_on.wait(10)
        return read(key)

    clock.advance(2)
    monkeypatch.setattr(platform.store, "read", stuck)
    first = threading.Thread(target=local.permit)
    first.start()
    assert is_stuck.wait(10)
    for _ in range(3):
        local.permit().success()
    assert first.is_alive()
    may_go_on.set()
    first.join()
    breakers.flush()
    assert breakers.show("orders")[1].get().successful == 4


def test_closing_the_platform_tells_the_rest(breakers, platform, store_path, clock):
    for _ in range(3):
        breakers.local("orders").permit().success()
    platform.close()
    with Platform.open(store_path, clock=clock) as later:
        assert later.breakers.show("orders")[1].get().successful == 3


def test_a_local_breaker_goes_on_without_the_store_and_tells_it_later(store_path, clock, monkeypatch):
    told = []
    with Platform.open(store_path, clock=clock, warn=told.append, draw=lambda: 0.0) as platform:
        platform.registry.register("orders")
        local = platform.breakers.local("orders")
        local.permit().success()
        with monkeypatch.context() as patch:
            patch.setattr(platform.store, "update_state", _full)
            for _ in range(5):
                local.permit().failure()
            with pytest.raises(BreakerOpen):
                local.permit()
            clock.advance(60)
            local.permit().failure()
            with pytest.raises(BreakerOpen):
                local.permit()
        assert told == ["the breakers of orders go on without the store: no space left"]
        clock.advance(1)
        with pytest.raises(BreakerOpen):
            local.permit()
        found = platform.breakers.show("orders")[1].get()
        assert (found.state, found.failed, found.successful) == ("open", 5, 1)


def _full(*_args, **_options):
    raise StoreFull("no space left")


def test_threads_share_a_local_breaker_and_lose_no_count(breakers):
    local = breakers.local("orders")

    def work():
        for number in range(500):
            permit = local.permit()
            permit.success() if number % 5 else permit.failure("4xx")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    breakers.flush()
    found = breakers.show("orders")[1].get()
    assert (found.total, found.successful, found.failed) == (4000, 3200, 0)


def test_a_function_and_a_coroutine_are_decorated(breakers):
    breakers.set_policy("orders", {"threshold": 2})
    local = breakers.local("orders")

    @local
    def divide(one, other):
        """Divide."""
        return one // other

    @local
    async def divide_later(one, other):
        return one // other

    assert (divide(6, 3), divide.__doc__) == (2, "Divide.")
    assert asyncio.run(divide_later(6, other=3)) == 2
    with pytest.raises(ZeroDivisionError):
        divide(1, 0)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(divide_later(1, 0))
    for call in (lambda: divide(1, 1), lambda: asyncio.run(divide_later(1, 1))):
        with pytest.raises(BreakerOpen):
            call()


def test_a_cancelled_task_frees_its_place(breakers, clock):
    breakers.set_policy("orders", FAST)
    local = breakers.local("orders")
    local.permit().failure()
    clock.advance(60)

    async def probe():
        task = asyncio.create_task(hang())
        await asyncio.sleep(0)
        while local.breaker.state != "half-open":
            await asyncio.sleep(0.001)
        with pytest.raises(BreakerOpen):
            await asyncio.to_thread(local.permit)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with local.guard(KeyError):
            pass

    async def hang():
        async with local.guard():
            await asyncio.Event().wait()

    asyncio.run(probe())
    assert state(breakers) == "closed"


@pytest.mark.parametrize("asked", [Breakers, LocalBreaker])
def test_a_task_that_is_cancelled_while_it_asks_gives_the_place_back(breakers, clock, monkeypatch, asked):
    breakers.trip("orders")
    clock.advance(60)
    has_asked, may_go_on, ask = threading.Event(), threading.Event(), asked._ask

    def slow_ask(*args):
        found = ask(*args)
        has_asked.set()
        may_go_on.wait(10)
        return found

    async def call():
        if asked is Breakers:
            await AsyncBreakers(breakers).permit("orders")
        else:
            async with breakers.local("orders").guard():
                raise AssertionError("it was let in")

    async def give_up():
        task = asyncio.create_task(call())
        await asyncio.to_thread(has_asked.wait, 10)
        assert len(breakers.show("orders")[1].get().probes) == 1
        task.cancel()
        _, waiting = await asyncio.wait([task], timeout=5)
        assert not waiting, "it ends at once, whatever the store does"
        assert task.cancelled()
        may_go_on.set()

    monkeypatch.setattr(asked, "_ask", slow_ask)
    asyncio.run(give_up())
    assert breakers.show("orders")[1].get().probes == ()


def test_a_guard_passes_over_the_exceptions_it_is_told(breakers):
    breakers.set_policy("orders", FAST)
    with pytest.raises(KeyError), breakers.local("orders").guard(KeyError):
        raise KeyError
    breakers.flush()
    assert (state(breakers), breakers.show("orders")[1].get().total) == ("closed", 1)


def test_permits_work_with_async_with(store_path):
    async def call():
        async with Platform.open(store_path) as platform:
            await platform.registry.register("orders")
            async with await platform.breakers.permit("orders"):
                pass
            with pytest.raises(OSError, match="gone"):
                async with await platform.breakers.permit("orders"):
                    raise ConnectionResetError("gone")
            _, known = await platform.breakers.show("orders")
            return known.get()

    found = asyncio.run(call())
    assert (found.successful, found.failed) == (1, 1)


def _ask(path, start, answers):
    with Platform.open(path, clock=SystemClock()) as platform:
        start.wait()
        try:
            platform.breakers.permit("orders")
        except BreakerOpen:
            answers.put(False)
        else:
            answers.put(True)


@pytest.mark.slow
@pytest.mark.parametrize("places", [1, 3])
def test_sixteen_processes_that_ask_at_once_get_exactly_the_places(store_path, places):
    with Platform.open(store_path) as platform:
        platform.registry.register("orders")
        platform.breakers.set_policy("orders", {"half_open": places})
        platform.breakers.trip("orders", until=platform.clock.now() + 0.001)
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(16), context.Queue()
    asking = [context.Process(target=_ask, args=(store_path, start, answers)) for _ in range(16)]
    for process in asking:
        process.start()
    got = [answers.get(timeout=60) for _ in asking]
    for process in asking:
        process.join()
    assert (sum(got), len(got)) == (places, 16)


@pytest.mark.parametrize("damage", [b"", b"\0" * 200, b'{"crc32":"00000000","format":1}\n'])
def test_a_damaged_file_counts_as_closed_with_a_warning(store_path, clock, damage):
    told = []
    with Platform.open(store_path, clock=clock, warn=told.append) as platform:
        platform.registry.register("orders")
        platform.breakers.trip("orders")
        Path(store_path, "state", "breaker", "orders.json").write_bytes(damage)
        platform.breakers.permit("orders").success()
        assert platform.breakers.local("orders").permit() is not None
        assert platform.breakers.show("orders")[1].get().successful == 1
    assert len(told) == 2
    assert "state/breaker/orders.json" in told[0]


@pytest.mark.parametrize("value", [{}, {"breakers": 1, "sequence": 0, "transitions": []},
                                   {"breakers": {"": {"probes": 7}}, "sequence": 0, "transitions": []}])  # fmt: skip
def test_a_whole_file_that_makes_no_sense_counts_as_closed_with_a_warning(store_path, clock, value):
    from mgov.store.base import Write

    told = []
    with Platform.open(store_path, clock=clock, warn=told.append) as platform:
        platform.registry.register("orders")
        platform.store.write(Write("breaker/orders", value), operation="test")
        platform.breakers.permit("orders").success()
    assert told == ["the state of the breakers of orders makes no sense; they count as closed"]


def test_the_policy_is_part_of_the_definition_and_stays(platform, breakers, store_path):
    outcome, policy = breakers.set_policy("orders", {"threshold": 3, "open_for": "5s", "count": ["5xx"]})
    assert (outcome.action, policy) == ("changed", BreakerPolicy(threshold=3, open_for_s=5.0, counted=("5xx",)))
    assert breakers.set_policy("orders", {"threshold": 3})[0].action == "unchanged"
    platform.registry.register("orders", fields=Registration(owner="shop"))
    entries = platform.manifests.export(["orders"])
    assert entries[0].service.breaker == policy
    wanted = entries[0]._replace(service=entries[0].service._replace(origin=""), instances=())
    assert {step.action for step in platform.manifests.apply([wanted])} == {"unchanged"}
    assert breakers.policy("orders", is_fresh=True) == policy
    assert "[breaker]\nthreshold = 3\n" in Path(store_path, "services", "orders.toml").read_text()
    assert breakers.set_policy("orders", {}, replace=True)[1] == BreakerPolicy()
    assert "breaker" not in Path(store_path, "services", "orders.toml").read_text()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"treshold": 3}, "a breaker has no key 'treshold'"),
        ({"threshold": -1}, "breaker.threshold must be a whole number from 0 to 1000000, not -1"),
        ({"threshold": True}, "breaker.threshold must be a whole number from 0 to 1000000, not True"),
        ({"half_open": 0}, "breaker.half_open must be a whole number from 1 to 1000000, not 0"),
        ({"failure_rate": 1.5}, "breaker.failure_rate must be a number from 0 to 1, not 1.5"),
        ({"failure_rate": float("nan")}, "breaker.failure_rate must be a number from 0 to 1, not nan"),
        ({"open_for": 60}, "breaker.open_for must be a duration in quotes, not 60"),
        ({"open_for": "60"}, "breaker.open_for: '60' is not a duration"),
        ({"open_for": "0s"}, "breaker.open_for is at least 100ms, not 0s"),
        ({"window": "1ms"}, "breaker.window is at least 100ms, not 1ms"),
        ({"open_for": "10s", "open_cap": "5s"}, "breaker.open_cap (5s) is shorter than open_for (10s)"),
        ({"count": "5xx"}, "breaker.count must be a list of kinds of failure, not '5xx'"),
        ({"count": ["timout"]}, "breaker.count: 'timout' is no kind of failure"),
        ({"ignore": ["600"]}, "breaker.ignore: '600' is no kind of failure"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_by_name(breakers, given, message):
    with pytest.raises(UsageError) as caught:
        breakers.set_policy("orders", given)
    assert caught.value.message == message


def test_a_service_that_left_leaves_no_breaker_behind(platform, breakers):
    platform.registry.register("orders", "http://127.0.0.1:8081", fields=Registration(id="two"))
    breakers.set_policy("orders", FAST)
    for instance in (None, "one", "two"):
        fail(breakers, instance)
    platform.registry.deregister("orders", "two")
    assert sorted(breakers.show("orders")[1].breakers) == ["", "one"]
    platform.registry.deregister_all("orders")
    platform.registry.register("orders")
    assert state(breakers) == "closed"


def test_all_breakers_are_listed_used_or_not(platform, breakers):
    platform.registry.register("users")
    fail(breakers, "one")
    shown = [(s.service, s.instance, s.breaker.state, s.breaker.failed) for s in breakers.states()]
    assert shown == [("orders", "", "closed", 0), ("orders", "one", "closed", 1), ("users", "", "closed", 0)]
    assert [s.service for s in breakers.states("us*")] == ["users"]
