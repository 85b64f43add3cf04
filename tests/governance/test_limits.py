"""Limits over a store: shared by every handle and process, exact on refusal, split where there are many keys."""

import asyncio
import json
import multiprocessing
import random
from zlib import crc32

import pytest
from fakes import FakeClock

from mgov.errors import DeadlineExceeded, NotFound, RateLimited, StoreDamaged, UsageError
from mgov.governance import takings
from mgov.governance.limits import Limits
from mgov.governance.platform import Platform
from mgov.model.limit import parse_rate
from mgov.model.manifest import dump, parse
from mgov.model.registration import Registration


@pytest.fixture
def limits(platform):
    """Limits with one of ten a second, three at once, for `orders`."""
    platform.registry.register("orders")
    platform.limits.set_policy("orders", parse_rate("10/1s", 3))
    return platform.limits


def drain(limits, key="orders"):
    """Take one by one until it is refused; how many passed."""
    count = 0
    while limits.take(key).allowed:
        count += 1
    return count


def documents(platform):
    """What the store holds of the limit: the one document, and how many keys lie in each bucket."""
    root = platform.store.read("limit/orders")
    return root and root.value, {d.key: len(d.value["tats"]) for d in platform.store.scan("limit-keys/orders/")}


def test_two_handles_on_one_store_share_a_key_and_a_refusal_names_the_exact_wait(platform, limits, clock):
    other = Limits(platform.store, clock)
    assert (limits.take("orders").remaining, other.take("orders").remaining) == (2, 1)
    assert other.take("orders", 2).allowed is False
    assert limits.take("orders").allowed
    refused = other.take("orders")
    assert (refused.allowed, refused.remaining, refused.retry_after_s) == (False, 0, 0.1)
    clock.advance(0.099)
    assert not other.take("orders").allowed
    clock.advance(0.001)
    assert other.take("orders").allowed


def test_keys_of_a_limit_are_counted_apart(limits):
    assert drain(limits, "orders:client-7") == 3
    assert drain(limits, "orders:订单 7") == 3
    assert drain(limits) == 3


def test_a_refused_take_and_a_dry_run_write_nothing(platform, limits):
    assert limits.take("orders", dry_run=True) == limits.take("orders", dry_run=True)
    assert documents(platform) == (None, {})
    assert drain(limits) == 3
    before = platform.store.read("limit/orders")
    assert not limits.take("orders").allowed
    assert platform.store.read("limit/orders") == before


def test_a_wait_ends_when_the_token_is_there(limits, clock):
    assert drain(limits) == 3
    assert limits.take("orders", 2, wait_s=0.2).allowed
    assert clock.slept == [0.2]


def test_a_wait_that_is_too_short_is_refused_at_once_and_takes_nothing(limits, clock):
    assert drain(limits) == 3
    assert not limits.take("orders", 2, wait_s=0.199).allowed
    assert clock.slept == []
    clock.advance(0.1)
    assert limits.take("orders").allowed


def test_a_wait_goes_on_when_somebody_else_took_the_token(platform, limits, clock):
    """Each sleep of the one is used by the other, three times; then the time to wait is over."""
    rival = Limits(platform.store, clock)

    class Rivalled(FakeClock):
        now, monotonic = clock.now, clock.monotonic

        def sleep(self, seconds):
            clock.sleep(seconds)
            assert rival.take("orders").allowed

    assert drain(limits) == 3
    assert not Limits(platform.store, Rivalled()).take("orders", wait_s=0.35).allowed
    assert clock.slept == [0.1, 0.1, 0.1]


def test_require_raises_what_a_caller_can_act_on(limits):
    assert limits.require("orders", 3).remaining == 0
    with pytest.raises(RateLimited) as caught:
        limits.require("orders")
    assert caught.value.retry_after_s == 0.1
    assert caught.value.message == "orders is over its limit of 10/1s: one is free in 100ms"
    with pytest.raises(DeadlineExceeded) as late:
        limits.require("orders", 2, wait_s=0.05)
    assert late.value.message == (
        "orders is over its limit of 10/1s: 2 are free in 200ms, which 50ms of waiting does not reach")


def test_what_has_no_limit_passes_for_free_and_is_looked_up_once_a_second(platform, limits, clock, monkeypatch):
    platform.registry.register("users")
    assert limits.require("users") is None
    read, keys = platform.store.read, []
    monkeypatch.setattr(platform.store, "read", lambda key: keys.append(key) or read(key))
    assert [limits.require("users:a"), limits.require("users:b")] == [None, None]
    assert keys == []
    clock.advance(1.0)
    limits.require("users")
    assert keys == ["service/users"]
    assert limits.require("nobody") is None


def test_a_limit_that_is_not_there_cannot_be_taken_from(platform, limits):
    platform.registry.register("users")
    for ask in (limits.take, limits.show, limits.reset, limits.keys):
        with pytest.raises(NotFound) as caught:
            ask("users")
        assert caught.value.message == "users has no limit"
        assert caught.value.hint == "mgov limit set users 100/1m --burst 20"
    for ask in (limits.take, lambda name: limits.set_policy(name, None)):
        with pytest.raises(NotFound) as caught:
            ask("payments")
        assert (caught.value.message, caught.value.hint) == ("no service payments", "mgov register payments")
    with pytest.raises(UsageError):
        limits.take("orders", 4)


def test_a_policy_is_kept_by_registering_applying_and_exporting(platform, limits, clock):
    policy = parse_rate("10/1s", 3)
    platform.registry.register("orders", fields=Registration(title="x"))
    platform.registry.register("orders", fields=Registration(title="y"), replace=True)
    exported = parse(dump(platform.manifests.export()))
    assert exported[0].service.limit == policy
    limits.set_policy("orders", None)
    steps = platform.manifests.apply(exported)
    assert [(step.action, step.fields) for step in steps] == [("changed", ("limit",))]
    clock.advance(1.0)
    assert limits.policy("orders") == policy


def test_setting_the_same_again_is_unchanged_and_a_comment_stays(platform, limits, store_path):
    assert limits.set_policy("orders", parse_rate("10/1s", 3)).action == "unchanged"
    path = f"{store_path}/services/orders.toml"
    with open(path, "w", encoding="utf-8") as file:
        file.write('# ours\nname = "orders"\n\n[limit]  # agreed with the shop\nrate = "1/1s"\n')
    assert limits.set_policy("orders", parse_rate("2/1s")).action == "changed"
    with open(path, encoding="utf-8") as file:
        assert "# ours" in file.read()


def test_a_definition_that_is_invalid_is_not_changed(platform, limits, store_path, clock):
    warned = []
    with open(f"{store_path}/services/orders.toml", "a", encoding="utf-8") as file:
        file.write("limit = \n")
    with Platform.open(store_path, clock=clock, warn=warned.append) as again, pytest.raises(StoreDamaged):
        again.limits.set_policy("orders", None)
    assert len(warned) == 1


def test_another_process_s_policy_is_seen_within_a_second_and_keeps_what_is_gone(platform, limits, clock):
    other = Limits(platform.store, clock)
    assert other.take("orders", 2).remaining == 1
    limits.set_policy("orders", parse_rate("1/1m", 5))
    assert other.take("orders").remaining == 0              # by the old policy
    assert limits.show("orders")[2:] == (2, 180.0)
    fresh = Limits(platform.store, clock)
    assert (fresh.take("orders", 2).remaining, fresh.take("orders").retry_after_s) == (0, 60.0)
    clock.advance(1.0)
    assert other.take("orders").retry_after_s == 59.0


def test_ending_a_limit_forgets_what_was_taken(platform, limits):
    assert drain(limits) == 3
    limits.set_policy("orders", None)
    assert documents(platform) == (None, {})
    limits.set_policy("orders", parse_rate("10/1s", 3))
    assert drain(limits) == 3


def test_a_service_that_leaves_takes_its_counts_along(platform, limits, monkeypatch):
    monkeypatch.setattr(takings, "SPLIT_ABOVE", 2)
    for number in range(5):
        limits.take(f"orders:{number}")
    platform.registry.deregister_all("orders")
    assert documents(platform) == (None, {})


def test_reset_gives_one_key_back_or_all_of_them(limits):
    assert (drain(limits), drain(limits, "orders:a"), drain(limits, "orders:b")) == (3, 3, 3)
    assert (limits.reset("orders:a"), limits.reset("orders:a")) == (True, False)
    assert (limits.take("orders:a").allowed, limits.take("orders:b").allowed) == (True, False)
    assert (limits.reset_all("orders"), limits.reset_all("orders")) == (3, 0)
    assert drain(limits, "orders:b") == 3


def test_states_and_keys_say_what_is_left(platform, limits, clock):
    platform.registry.register("users")
    platform.registry.register("mail")
    limits.set_policy("mail", parse_rate("1/1m"))
    limits.take("orders", 2)
    limits.take("orders:a")
    assert [(s.key, s.remaining, s.full_after_s) for s in limits.states()] == [("mail", 1, 0.0), ("orders", 1, 0.2)]
    assert [s.key for s in limits.states("or*")] == ["orders"]
    assert [(s.key, s.remaining) for s in limits.keys("orders")] == [("orders", 1), ("orders:a", 2)]
    clock.advance(0.1)
    assert [s.key for s in limits.keys("orders")] == ["orders"]


def test_keys_back_at_full_burst_are_dropped_when_another_is_written(platform, limits, clock):
    for number in range(50):
        limits.take(f"orders:{number}")
    assert len(documents(platform)[0]["tats"]) == 50
    clock.advance(0.1)
    limits.take("orders")
    assert list(documents(platform)[0]["tats"]) == [""]
    clock.advance(60)
    limits.reset_all("orders")
    assert documents(platform) == (None, {})


def test_many_keys_are_split_by_their_hash_and_counted_as_before(platform, limits, monkeypatch):
    """On both sides of the split each key has what is left of its burst."""
    monkeypatch.setattr(takings, "SPLIT_ABOVE", 40)
    names = [f"orders:{number}" for number in range(60)]
    for name in names:
        assert limits.take(name, 2).remaining == 1
    root, buckets = documents(platform)
    assert root == {"split": True}
    assert sum(buckets.values()) == 60
    assert len(buckets) > 30
    assert [limits.take(name).allowed for name in names] == [True] * 60
    assert [limits.take(name).allowed for name in names] == [False] * 60
    assert len(limits.keys("orders")) == 60
    assert limits.reset("orders:7")
    assert limits.take("orders:7").allowed
    assert limits.reset_all("orders") == 60
    assert documents(platform) == (None, {})


def test_a_process_killed_while_it_splits_a_limit_loses_no_key(platform, limits, monkeypatch):
    """The buckets are written before what says that they count; those of the dead one are written over."""
    monkeypatch.setattr(takings, "SPLIT_ABOVE", 2)
    write_many = platform.store.write_many

    def die_before_the_last(writes, **options):
        write_many(writes[:-1], **options)
        raise KeyboardInterrupt

    for name in ("orders:a", "orders:b"):
        assert drain(limits, name) == 3
    monkeypatch.setattr(platform.store, "write_many", die_before_the_last)
    with pytest.raises(KeyboardInterrupt):
        limits.take("orders:c")
    monkeypatch.setattr(platform.store, "write_many", write_many)
    assert [limits.take(f"orders:{name}").allowed for name in "abc"] == [False, False, True]
    assert limits.reset("orders:a")
    assert [limits.take(f"orders:{name}").remaining for name in "abc"] == [2, 0, 1]


def test_a_damaged_document_counts_as_untouched_with_a_warning(platform, limits, store_path, clock):
    assert drain(limits) == 3
    path = f"{store_path}/state/limit/orders.json"
    with open(path, "r+b") as file:
        file.write(b"x")
    warned = []
    with Platform.open(store_path, clock=clock, warn=warned.append) as again:
        assert again.limits.take("orders").remaining == 2
    assert len(warned) == 2
    assert "set aside" in warned[1]


def test_a_damaged_bucket_is_found_and_repaired_while_others_count_on(limits, store_path, clock, monkeypatch):
    monkeypatch.setattr(takings, "SPLIT_ABOVE", 2)
    for name in "abc":
        assert drain(limits, f"orders:{name}") == 3
    place = f"state/limit-keys/orders/{crc32(b'a') % takings.BUCKETS:03x}.json"
    with open(f"{store_path}/{place}", "r+b") as file:
        file.write(b"x")
    warned = []
    with Platform.open(store_path, clock=clock, warn=warned.append) as again:
        assert [finding.path for finding in again.check()] == [place]
        again.repair()
        assert [again.limits.take(f"orders:{name}").allowed for name in "abc"] == [True, False, False]
        assert again.check() == []


def test_the_coroutines_wait_in_the_event_loop(store_path):
    async def use():
        async with Platform.open(store_path) as platform:
            await platform.registry.register("mail")
            await platform.limits.set_policy("mail", parse_rate("1000/1s", 1))
            assert (await platform.limits.take("mail")).allowed
            assert (await platform.limits.take("mail", wait_s=5)).allowed
            await platform.limits.set_policy("mail", parse_rate("1/1h"))
            await platform.limits.take("mail")
            with pytest.raises(RateLimited):
                await platform.limits.require("mail")
            await platform.registry.register("free")
            assert await platform.limits.require("free") is None

    asyncio.run(use())


class SharedClock:
    """A clock that many processes share and move: `state` holds now and the sum of its moves forward, in ms."""

    def __init__(self, state):
        self._state = state

    def now(self):
        return self._state[0] / 1000

    def monotonic(self):
        return self._state[1] / 1000

    def move(self, ms):
        with self._state.get_lock():
            self._state[0] += ms
            self._state[1] += max(0, ms)


def take_many(path, state, seed, granted, start, is_moving):
    """Take from one key, moving the clock now and then, mostly on and sometimes back, seldom by a day."""
    draw, clock = random.Random(seed), SharedClock(state)
    with Platform.open(path, lock_wait_s=60) as platform:
        limits = Limits(platform.store, clock)
        passed = 0
        start.wait()
        for _ in range(40):
            passed += limits.take("orders:shared").allowed
            chance = draw.random() if is_moving else 1.0
            if chance < 0.4:
                clock.move(draw.randrange(1, 30))
            elif chance < 0.42:
                clock.move(-draw.randrange(1, 100))
            elif chance < 0.43:
                clock.move(-86_400_000)
        with granted.get_lock():
            granted.value += passed


@pytest.mark.parametrize("is_moving", [False, True])
def test_sixteen_processes_never_pass_more_than_burst_and_rate(limits, store_path, is_moving):
    """FAULTS row 77. The clock is theirs alone, so nothing depends on how fast this machine is; while it stands still,
    exactly the burst passes."""
    limits.set_policy("orders", parse_rate("50/1s", 100))
    context = multiprocessing.get_context("fork")
    state = context.Array("q", [1_800_000_000_000, 0])
    granted, start = context.Value("q", 0), context.Barrier(16)
    workers = [
        context.Process(target=take_many, args=(store_path, state, seed, granted, start, is_moving))
        for seed in range(16)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 16
    most = 100 + state[1] / 1000 * 50
    assert 100 <= granted.value <= most
    assert most == 100 or (granted.value > 150 and most < 16 * 40)


def test_a_clock_that_moves_while_the_document_is_read_gives_nothing_extra(platform, limits, clock, monkeypatch):
    """Somebody takes all, a second later than this take began: it must not count as a step back of the clock."""
    read, rival = platform.store.read, Limits(platform.store, clock)

    def late_read(key):
        if key == "limit/orders":
            monkeypatch.setattr(platform.store, "read", read)
            clock.advance(1.0)
            assert drain(rival) == 3
        return read(key)

    assert drain(limits) == 3
    monkeypatch.setattr(platform.store, "read", late_read)
    assert [limits.take("orders").allowed for _ in range(3)] == [False] * 3


@pytest.mark.slow
def test_a_million_keys_work(platform, limits, clock, store_path):
    """Written as takes would leave them; then any of them is taken from at the price of its bucket."""
    limits.set_policy("orders", parse_rate("1/1h", 5))
    policy, now_ns = limits.policy("orders"), int(clock.now()) * 1_000_000_000
    tats = {f"client-{number}": now_ns + policy.interval_ns for number in range(1_000_000)}
    shelf = takings.Takings(platform.store).open("orders", "client-0")
    assert takings.Takings(platform.store).keep(shelf, "client-0", tats["client-0"], tats, policy, now_ns)
    assert limits.take("orders:client-999999").remaining == 3
    assert limits.take("orders:client-1000000").remaining == 4
    reads = []
    read = platform.store.read_place
    platform.store.read_place = lambda place: reads.append(place) or read(place)
    assert limits.take("orders:client-31", 4).remaining == 0
    assert len(reads) == 2
    assert len(limits.keys("orders")) == 1_000_001
    size = max(len(json.dumps(d.value)) for d in platform.store.scan("limit-keys/orders/"))
    assert size < 64 * 1024
