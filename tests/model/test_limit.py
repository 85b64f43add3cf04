"""The rate limit's rule: never more than burst + rate x time, whatever the clock does, and no more wary than that."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mgov.errors import InvalidName, UsageError
from mgov.model.limit import (
    MAX_KEY_CHARS,
    LimitPolicy,
    check_count,
    decide,
    live,
    nanoseconds,
    parse_policy,
    parse_rate,
    rescaled,
    seconds_up,
    split_key,
    to_table,
)
from mgov.model.service import Service, parse_service
from mgov.model.service import to_table as service_table

MS = 1_000_000
DAY_NS = 86_400_000 * MS
START = nanoseconds(1_800_000_000.0)

# a take each: milliseconds since the last one, how many; then whether it passes, how many are left, the wait in ms
STEADY = [(0, 1, True, 2, 0), (0, 1, True, 1, 0), (0, 1, True, 0, 0), (0, 1, False, 0, 100), (99, 1, False, 0, 1),
          (1, 1, True, 0, 0), (250, 2, True, 0, 0), (0, 2, False, 0, 150), (60_000, 3, True, 0, 0)]
BACK = [(0, 2, True, 1, 0), (-50, 1, False, 0, 50), (-20, 1, False, 0, 70), (100, 1, True, 0, 0)]
AHEAD_AND_BACK = [(DAY_NS // MS, 3, True, 0, 0), (-DAY_NS // MS, 1, False, 0, 100), (100, 1, True, 0, 0),
                  (300, 3, True, 0, 0)]
TO_1970_AND_BACK = [(0, 3, True, 0, 0), (-START // MS, 1, False, 0, 100), (100, 1, True, 0, 0),
                    (START // MS, 3, True, 0, 0)]


@pytest.mark.parametrize("takes", [STEADY, BACK, AHEAD_AND_BACK, TO_1970_AND_BACK])
def test_each_take_passes_or_waits_as_the_table_says(takes):
    policy, tat, now = LimitPolicy(10, 1000, 3), None, START
    for moved_ms, count, allowed, remaining, wait_ms in takes:
        now += moved_ms * MS
        made = decide(policy, tat, now, count)
        assert made[:3] == (allowed, remaining, wait_ms * MS), (moved_ms, count)
        tat = made.tat


POLICIES = st.builds(LimitPolicy, st.integers(1, 50), st.sampled_from((1, 100, 1000, 60_000)), st.integers(1, 30))


@given(POLICIES, st.lists(st.tuples(st.integers(0, 100 * 1000 * MS), st.integers(1, 30)), max_size=40))
def test_on_a_clock_that_only_goes_forward_it_is_a_token_bucket(policy, takes):
    """The reference counts tokens in fractions: full at first, one each interval, never above the burst."""
    tokens, tat, now = Fraction(policy.burst), None, START
    for moved, wanted in takes:
        now += moved
        count = min(wanted, policy.burst)
        tokens = min(Fraction(policy.burst), tokens + Fraction(moved, policy.interval_ns))
        made = decide(policy, tat, now, count)
        assert made.allowed == (tokens >= count)
        missing = (count - tokens) * policy.interval_ns
        assert made.retry_after_ns == (0 if made.allowed else missing)
        tokens -= count if made.allowed else 0
        assert made.remaining == int(tokens)
        tat = made.tat


class Clocks(RuleBasedStateMachine):
    """One key under a clock that runs, steps back, jumps forward and back again; now and then the key is forgotten as
    soon as it is back at full burst. The oracle knows nothing of arrival times: it counts the grants in each window."""

    policy = LimitPolicy(7, 1000, 5)

    def __init__(self):
        super().__init__()
        self.now, self.forward, self.tat = START, 0, None
        self.grants = []                                    # (how far the clock had moved forward, how many)
        self.refused = None

    def look(self, count):
        made = decide(self.policy, self.tat, self.now, count)
        self.tat = made.tat
        return made

    @rule(count=st.integers(1, 5))
    def take(self, count):
        made = self.look(count)
        self.refused = None if made.allowed else (count, made.retry_after_ns)
        if made.allowed:
            self.grants.append((self.forward, count))
        assert made.allowed == (made.retry_after_ns == 0)
        assert made.retry_after_ns <= self.policy.burst * self.policy.interval_ns
        assert 0 <= made.remaining <= self.policy.burst

    @rule(moved=st.integers(0, 2000 * MS))
    def run_on(self, moved):
        self.move(moved)

    @rule(moved=st.integers(1, 5000 * MS) | st.integers(DAY_NS - 1, DAY_NS + 1) | st.just(START))
    def step_back(self, moved):
        self.move(-moved)

    @rule(moved=st.integers(1, 5000 * MS) | st.integers(DAY_NS - 1, DAY_NS + 1))
    def jump_forward(self, moved):
        self.move(moved)

    @precondition(lambda self: self.refused is not None)
    @rule()
    def wait_as_told(self):
        """After the wait that a refusal names, the same take passes."""
        count, wait = self.refused
        self.move(wait)
        made = self.look(count)
        assert made.allowed
        self.grants.append((self.forward, count))

    @rule()
    def drop_when_full(self):
        if self.tat is not None:
            self.tat = live({"": self.tat}, self.now).get("")

    def move(self, moved):
        self.now += moved
        self.forward += max(0, moved)
        self.refused = None

    @invariant()
    def no_window_holds_more_than_burst_and_rate(self):
        total = 0
        for at, count in reversed(self.grants):
            total += count
            passed_s = Fraction(self.grants[-1][0] - at, 1_000_000_000)
            assert total <= self.policy.burst + self.policy.tokens * passed_s / Fraction(self.policy.period_ms, 1000)


TestClocks = Clocks.TestCase


@given(POLICIES, POLICIES, st.integers(0, 60_000 * MS))
def test_under_another_rate_as_many_tokens_are_gone(before, after, ahead):
    """Never fewer than were; at most all that it may have at once; and the interval's rounding costs less than one."""
    ahead = min(ahead, before.burst * before.interval_ns)
    tats = rescaled({"k": START + ahead, "full": START - 1}, before.interval_ns, after, START)
    assert "full" not in tats
    gone = Fraction(ahead, before.interval_ns)
    kept = Fraction(tats.get("k", START) - START, after.interval_ns)
    assert min(gone, after.burst) <= kept < min(gone, after.burst) + 1


@pytest.mark.parametrize(("text", "burst", "policy"), [
    ("100/1m", None, LimitPolicy(100, 60_000, 100)),
    (" 100/1m ", 20, LimitPolicy(100, 60_000, 20)),
    ("5/s", None, LimitPolicy(5, 1000, 5)),
    ("1/1h30m", 3, LimitPolicy(1, 5_400_000, 3)),
    ("1000/1ms", 1, LimitPolicy(1000, 1, 1)),
])
def test_a_rate_is_a_count_in_a_time(text, burst, policy):
    assert parse_rate(text, burst) == policy
    assert parse_policy(to_table(policy)) == policy
    assert parse_rate(policy.rate, policy.burst) == policy


@pytest.mark.parametrize(("text", "burst", "message"), [
    ("100", None, "'100' is not a rate"),
    ("/1m", None, "'/1m' is not a rate"),
    ("5/", None, "'5/' is not a rate"),
    ("٣/1s", None, "'٣/1s' is not a rate"),
    ("-1/1s", None, "'-1/1s' is not a rate"),
    ("0/1s", None, "'0/1s' is not a rate: from 1 to 1000000000 may pass in a period"),
    ("9" * 5000 + "/1s", None, f"'{'9' * 40}' is not a rate: from 1 to 1000000000 may pass in a period"),
    ("5/0s", None, "'5/0s' is not a rate: its period is nothing"),
    ("5/2", None, "'5/2' is not a rate: '2' is not a duration"),
    ("5/fortnight", None, "'5/fortnight' is not a rate: '1fortnight' is not a duration"),
    ("2000000/1s", None, "'2000000/1s' is faster than 1000000 a second, which is not counted"),
    ("5/1s", 0, "burst must be from 1 to 1000000000, not 0"),
    ("1/1d", 1000, "a burst of 1000 at 1/1d takes longer than a year to come back"),
])
def test_a_rate_that_is_none_is_refused_with_the_reason(text, burst, message):
    with pytest.raises(UsageError) as caught:
        parse_rate(text, burst)
    assert caught.value.message == message


@pytest.mark.parametrize(("table", "message"), [
    ("100/1m", "limit must be a table, not '100/1m'"),
    ({}, "limit: rate is missing"),
    ({"rate": 5}, "limit: rate must be text in quotes, not 5"),
    ({"rate": "5/1s", "burst": True}, "limit: burst must be a number, not True"),
    ({"rate": "5/1s", "burst": 2.0}, "limit: burst must be a number, not 2.0"),
    ({"rate": "5/1s", "brust": 2}, "limit: a limit has no key 'brust'"),
])
def test_a_table_that_is_no_limit_is_refused_naming_the_key(table, message):
    with pytest.raises(UsageError) as caught:
        parse_service("orders", {"limit": table})
    assert caught.value.message == message


def test_a_definition_keeps_its_limit():
    service = Service("orders", limit=LimitPolicy(100, 60_000, 20))
    table = service_table(service)
    assert table == {"name": "orders", "limit": {"rate": "100/1m", "burst": 20}}
    assert parse_service("orders", table) == service


def test_a_key_is_a_name_and_any_text_behind_a_colon():
    assert split_key("orders") == ("orders", "")
    assert split_key("orders:client-7") == ("orders", "client-7")
    assert split_key("orders:a:b/ü 订单") == ("orders", "a:b/ü 订单")
    assert split_key(f"orders:{'x' * MAX_KEY_CHARS}")[1] == "x" * MAX_KEY_CHARS


@pytest.mark.parametrize("key", ["orders:", "orders:a\nb", "orders:\x00", "orders:\x9b", "orders:\ud800",
                                 f"orders:{'x' * (MAX_KEY_CHARS + 1)}"])
def test_a_key_that_cannot_be_kept_is_refused(key):
    with pytest.raises(UsageError):
        split_key(key)


@pytest.mark.parametrize("key", ["", ":x", "Orders", "../x", "a/b"])
def test_a_limit_is_named_as_a_service_is(key):
    with pytest.raises(InvalidName):
        split_key(key)


def test_what_could_never_pass_is_refused_with_the_reason():
    policy = LimitPolicy(100, 60_000, 20)
    assert check_count(policy, 20, "orders:x") == 20
    with pytest.raises(UsageError) as caught:
        check_count(policy, 21, "orders:x")
    assert caught.value.message == "21 of orders:x can never pass at once: its burst is 20"
    assert caught.value.hint == "take fewer, or: mgov limit set orders 100/1m --burst 21"
    with pytest.raises(UsageError) as caught:
        check_count(policy, 10**30, "orders")
    assert caught.value.hint == "take fewer"
    with pytest.raises(UsageError):
        check_count(policy, 0, "orders")


@given(st.integers(0, 10**18))
def test_a_wait_in_seconds_is_rounded_up_to_the_microsecond(ns):
    nearest_float = Fraction(ns, 2**50)
    assert -nearest_float <= Fraction(seconds_up(ns)) * 1_000_000_000 - ns < 1000 + nearest_float
