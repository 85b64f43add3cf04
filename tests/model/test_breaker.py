"""The breaker's rules: a machine of random calls against a count of every one of them, and the corners by hand."""

from __future__ import annotations

import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mgov.errors import InternalError
from mgov.model import breaker as rules
from mgov.model.breaker import CLOSED, HALF_OPEN, OPEN, STATES, TRANSITIONS, Breaker
from mgov.model.breaker_document import (
    KEPT_TRANSITIONS,
    BreakerSet,
    Delta,
    breaker_from,
    ejected,
    from_value,
    label,
    merged,
    to_value,
    with_breaker,
)
from mgov.model.breaker_policy import COUNTED, BreakerPolicy

NOW = 1_800_000_000.0
ONE = BreakerPolicy(threshold=1)


def opened(policy=ONE, now=NOW, draw=0.0):
    return rules.report(Breaker(), policy, rules.FAILURE, now, draw=draw)


policies = st.builds(
    BreakerPolicy,
    threshold=st.integers(0, 4),
    window_s=st.sampled_from([1.0, 10.0]),
    failure_rate=st.sampled_from([0.0, 0.5, 1.0]),
    slow_call_s=st.sampled_from([0.0, 1.0]),
    slow_rate=st.sampled_from([0.0, 0.5]),
    min_calls=st.integers(1, 5),
    open_for_s=st.sampled_from([1.0, 7.0]),
    open_cap_s=st.just(0.0),
    counted=st.just(COUNTED),
    ignored=st.just(()),
    half_open=st.integers(1, 3),
    close_after=st.integers(1, 3),
)


class Machine(RuleBasedStateMachine):
    """Calls, waits, clock jumps and hands on one breaker; beside it every call since the last transition is kept."""

    @initialize(policy=policies)
    def begin(self, policy):
        self.policy, self.now, self.breaker = policy, NOW, Breaker()
        self.permits = []                               # (generation, serial, until)
        self.calls = []                                 # (at, has failed, was slow) of this generation
        self.counted = {"total": 0, "successful": 0, "failed": 0, "rejected": 0, "slow": 0}
        self.path = [CLOSED]

    def move(self, after):
        before, self.breaker = self.breaker, after
        if after.generation != before.generation:
            self.calls = []
            self.path.append(after.state)
            assert after.generation in (before.generation + 1, before.generation + 2)
        else:
            assert after.state == before.state

    @rule()
    def ask(self):
        settled = rules.settle(self.breaker, self.now)
        after, answer = rules.permit(self.breaker, self.policy, self.now)
        if settled.forced:
            assert answer.is_granted == (settled.forced != rules.FORCE_OPEN)
        elif settled.state == CLOSED:
            assert answer == rules.GRANTED
        elif settled.state == OPEN and self.now < settled.retry_at:
            assert not answer.is_granted
            assert 0 < round(answer.retry_after_s, 6) <= self.policy.cap_s
        else:
            live = [probe for probe in settled.probes if probe[1] > self.now]
            assert answer.is_granted == (len(live) < self.policy.half_open)
        if answer.is_granted:
            self.permits.append((after.generation, answer.serial, self.now + rules.HOLD_S))
        else:
            assert answer.why
            self.counted["total"] += 1
            self.counted["rejected"] += 1
        self.move(after)

    @precondition(lambda self: self.permits)
    @rule(data=st.data(), outcome=st.sampled_from(rules.OUTCOMES), kind=st.sampled_from(["", "timeout", "4xx"]),
          latency_s=st.sampled_from([0.1, 1.5]), draw=st.floats(0, 1))  # fmt: skip
    def tell(self, data, outcome, kind, latency_s, draw):
        generation, serial, _ = self.permits.pop(data.draw(st.integers(0, len(self.permits) - 1)))
        before = rules.settle(self.breaker, self.now)
        is_probe = any(probe[0] == serial and probe[1] > self.now for probe in before.probes)
        after = rules.report(
            self.breaker, self.policy, outcome, self.now,
            generation=generation, serial=serial, kind=kind, latency_s=latency_s, draw=draw,
        )  # fmt: skip
        if before.forced == rules.OFF or generation != before.generation or (serial and not is_probe):
            assert after == before
            self.move(after)
            return
        is_ignored = outcome == rules.IGNORED or (outcome == rules.FAILURE and kind == "4xx")
        if outcome != rules.CANCELLED:
            self.count(outcome, latency_s, is_ignored=is_ignored)
        if before.state == CLOSED and not is_ignored and outcome != rules.CANCELLED:
            self.calls.append((self.now, outcome == rules.FAILURE, self.policy.is_slow(latency_s)))
            assert (after.state == OPEN) == (not before.forced and self.ought_to_open())
        self.move(after)

    def count(self, outcome, latency_s, *, is_ignored):
        self.counted["total"] += 1
        if not is_ignored:
            self.counted["successful" if outcome == rules.SUCCESS else "failed"] += 1
            self.counted["slow"] += self.policy.is_slow(latency_s)

    def ought_to_open(self):
        _, has_failed, was_slow = self.calls[-1]
        if not has_failed and not was_slow:
            return False
        row = 0
        for _, failed, _ in reversed(self.calls):
            if not failed:
                break
            row += 1
        if self.policy.threshold and row >= self.policy.threshold:
            return True
        width_s = self.policy.window_s / 10
        slot = int(self.now / width_s)
        seen = [call for call in self.calls if slot - 10 < int(call[0] / width_s) <= slot]
        if len(seen) < self.policy.min_calls:
            return False
        rates = ((1, self.policy.failure_rate), (2, self.policy.slow_rate if self.policy.slow_call_s else 0))
        return any(
            rate and (count := sum(call[place] for call in seen)) and count >= rate * len(seen) for place, rate in rates
        )

    @rule(seconds=st.sampled_from([0.05, 0.4, 1.0, 3.0, 8.0, 31.0, 700.0]))
    def wait(self, seconds):
        self.now += seconds

    @rule(seconds=st.sampled_from([-NOW, -86400.0, -5.0, 86400.0]))
    def jump(self, seconds):
        self.now = max(0.0, self.now + seconds)
        self.calls = [call for call in self.calls if call[0] <= self.now]
        self.move(self.breaker._replace(buckets=(), failures=0) if seconds < 0 else self.breaker)
        if seconds < 0:
            self.calls = []                             # what a clock that goes back leaves of a window is not counted

    @rule(draw=st.floats(0, 1), for_s=st.sampled_from([0.0, 5.0, 5000.0]))
    def trip(self, draw, for_s):
        self.move(rules.trip(self.breaker, self.policy, self.now, draw, rest_s=for_s))
        self.policy_cap_s = for_s
        if for_s > self.policy.cap_s:
            self.breaker = self.breaker._replace(
                rest_s=self.policy.cap_s, retry_at=self.now + self.policy.cap_s
            )                                           # so that the bound in `ask` holds for tripped ones too

    @rule(is_whole=st.booleans())
    def reset(self, is_whole):
        self.move(rules.reset(self.breaker, is_whole=is_whole))
        assert (self.breaker.state, self.breaker.forced) == (CLOSED, "")
        if is_whole:
            self.counted = dict.fromkeys(self.counted, 0)

    @rule(word=st.sampled_from(["", *rules.FORCES]), for_s=st.sampled_from([0.0, 20.0]))
    def force(self, word, for_s):
        self.move(rules.force(self.breaker, word, self.now, for_s=for_s))
        assert self.breaker.forced == word

    @invariant()
    def half_open_holds_no_more_than_its_places(self):
        if hasattr(self, "breaker"):
            assert sum(probe[1] > self.now for probe in self.breaker.probes) <= self.policy.half_open
            assert self.breaker.state == HALF_OPEN or not self.breaker.probes

    @invariant()
    def nothing_stays_open_for_longer_than_a_rest(self):
        if hasattr(self, "breaker"):
            settled = rules.settle(self.breaker, self.now)
            if settled.state == OPEN and not settled.forced:
                assert settled.retry_at <= self.now + self.policy.cap_s

    @invariant()
    def the_statistics_count_each_call_once(self):
        if hasattr(self, "breaker"):
            assert {name: getattr(self.breaker, name) for name in self.counted} == self.counted

    @invariant()
    def it_survives_the_store(self):
        if hasattr(self, "breaker"):
            known = with_breaker(BreakerSet(), "", self.breaker, self.now)
            assert from_value(json.loads(json.dumps(to_value(known)))) == known


Machine.TestCase.settings = settings(max_examples=50, stateful_step_count=30)
TestMachine = Machine.TestCase


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", sorted({event for _, event in TRANSITIONS}))
def test_an_event_that_does_not_belong_to_a_state_raises_and_changes_nothing(state, event):
    breaker = Breaker(state=state)
    if (state, event) in TRANSITIONS:
        assert rules._move(breaker, event, "").state == TRANSITIONS[state, event]
    else:
        with pytest.raises(InternalError, match=f"{state} cannot take the event {event}"):
            rules._move(breaker, event, "")


@pytest.mark.parametrize(
    ("policy", "reports", "why"),
    [
        (BreakerPolicy(threshold=2), ["fail timeout", "fail timeout"], "2 failures in a row, the last: timeout"),
        (BreakerPolicy(threshold=1), ["fail"], "1 failure"),
        (BreakerPolicy(threshold=0, min_calls=2), ["ok", "fail 5xx"], "1 of 2 calls failed within 10s: 5xx"),
        (BreakerPolicy(slow_call_s=2, min_calls=1), ["slow"], "1 of 1 calls took longer than 2s within 10s"),
    ],
)
def test_it_says_why_it_opened(policy, reports, why):
    breaker = Breaker()
    for text in reports:
        word, _, kind = text.partition(" ")
        outcome = rules.FAILURE if word == "fail" else rules.SUCCESS
        breaker = rules.report(breaker, policy, outcome, NOW, kind=kind, latency_s=3.0 if word == "slow" else 0.1)
    assert (breaker.state, breaker.reason) == (OPEN, why)
    assert rules.permit(breaker, policy, NOW)[1].why == f"open ({why})"


def test_the_rest_is_shortened_by_up_to_a_tenth():
    assert [opened(draw=draw).rest_s for draw in (0.0, 0.5, 1.0)] == [60.0, 57.0, 54.0]


def test_the_longest_rest_is_ten_times_the_first_unless_told():
    assert (ONE.cap_s, ONE._replace(open_cap_s=90.0).cap_s) == (600.0, 90.0)
    tired = Breaker(opens=1000)
    assert rules.report(tired, ONE, rules.FAILURE, NOW).rest_s == 600.0


def test_a_report_without_a_permit_counts_while_closed_and_only_in_the_statistics_else():
    breaker = opened()
    after = rules.report(breaker, ONE, rules.SUCCESS, NOW)
    assert (after.state, after.successful) == (OPEN, 1)
    half, _ = rules.permit(breaker, ONE, NOW + 60)
    after = rules.report(half, ONE, rules.SUCCESS, NOW + 60)
    assert (after.state, after.passed, after.successful, after.probes) == (HALF_OPEN, 0, 1, half.probes)


def test_tripping_what_is_tripped_already_changes_nothing():
    first = rules.trip(Breaker(), ONE, NOW, 0.0, reason="maintenance")
    assert rules.trip(first, ONE, NOW + 10, 0.0, reason="maintenance") == first
    assert rules.trip(first, ONE, NOW + 10, 0.0, reason="another") != first
    until = rules.trip(first, ONE, NOW, 0.0, reason="maintenance", rest_s=1800.0)
    assert (until.retry_at, until != first) == (NOW + 1800, True)
    assert rules.trip(until, ONE, NOW + 10, 0.0, reason="maintenance", rest_s=1790.0) == until
    assert rules.trip(until, ONE, NOW + 10, 0.0, reason="maintenance", rest_s=1800.0).retry_at == NOW + 1810


def test_tripping_what_is_open_is_no_further_opening_and_makes_no_later_rest_longer():
    breaker = opened()
    for second in range(5):
        breaker = rules.trip(breaker, ONE, NOW + second, 0.0, reason=f"try {second}")
    assert (breaker.opens, breaker.rest_s) == (1, 60.0)
    half, answer = rules.permit(breaker, ONE, NOW + 64)
    assert rules.report(half, ONE, rules.FAILURE, NOW + 64, serial=answer.serial).rest_s == 120.0


def test_forcing_the_same_again_changes_nothing():
    first = rules.force(Breaker(), rules.FORCE_OPEN, NOW, reason="upgrade")
    assert rules.force(first, rules.FORCE_OPEN, NOW + 10, reason="upgrade") == first
    assert label(first) == "forced open"
    until = rules.force(first, rules.FORCE_OPEN, NOW, reason="upgrade", for_s=1800.0)
    assert until != first
    assert rules.force(until, rules.FORCE_OPEN, NOW + 10, reason="upgrade", for_s=1790.0) == until
    assert rules.force(until, rules.FORCE_OPEN, NOW + 10, reason="upgrade", for_s=1800.0) != until
    assert rules.force(until, rules.FORCE_OPEN, NOW + 10, reason="upgrade") != until


def test_transitions_are_numbered_and_only_the_newest_are_kept():
    known, now = BreakerSet(), NOW
    for _ in range(KEPT_TRANSITIONS):
        known = with_breaker(known, "one", opened(now=now), now)
        known = with_breaker(known, "one", rules.reset(known.get("one")), now)
        now += 1
    assert known.sequence == 2 * KEPT_TRANSITIONS
    assert [t.sequence for t in known.transitions] == list(range(KEPT_TRANSITIONS + 1, 2 * KEPT_TRANSITIONS + 1))
    assert known.transitions[-2][2:] == ("one", "closed", "open", "1 failure", "")


def test_a_transition_knows_who_turned_it_and_one_of_an_older_program_nobody():
    value = to_value(with_breaker(BreakerSet(), "", opened(), NOW, "ann"))
    assert from_value(value).transitions[0].by == "ann"
    value["transitions"][0].pop("by")
    assert from_value(value).transitions[0].by == ""


def test_a_field_of_a_later_version_is_passed_over():
    assert breaker_from({"state": "open", "mood": "bad"}) == Breaker(state="open")


def test_the_last_instance_is_never_ejected():
    known = BreakerSet({name: opened(now=NOW + place) for place, name in enumerate("abc")})
    now = NOW + 10
    assert ejected(known, ["a", "b", "d"], ONE, now) == {"a", "b"}
    assert ejected(known, ["c", "b", "a"], ONE, now) == {"b", "c"}     # a's rest ends first
    assert ejected(known, ["a"], ONE, now) == frozenset()
    assert ejected(known, [], ONE, now) == frozenset()
    assert ejected(known, ["a", "b"], ONE, now + 1000) == frozenset()


def test_an_instance_that_was_forced_open_is_ejected_even_as_the_last():
    known = BreakerSet({"a": rules.force(Breaker(), rules.FORCE_OPEN, NOW), "b": opened()})
    assert ejected(known, ["a"], ONE, NOW) == {"a"}
    assert ejected(known, ["a", "b"], ONE, NOW) == {"a"}


def test_an_instance_whose_probes_are_under_way_is_ejected_until_a_place_is_free():
    half, _ = rules.permit(opened(), ONE, NOW + 60)
    known = BreakerSet({"a": half})
    assert ejected(known, ["a", "b"], ONE, NOW + 60) == {"a"}
    assert ejected(known, ["a", "b"], ONE, NOW + 90) == frozenset()


def test_what_two_processes_saw_adds_up():
    policy = BreakerPolicy(threshold=5)
    three = Delta(0, total=3, failed=3, failures=3, last_failure_at=NOW)
    once = merged(Breaker(), policy, three, NOW, 0.0)
    assert (once.state, once.failures) == (CLOSED, 3)
    assert merged(once, policy, three, NOW, 0.0).state == OPEN
    broken = three._replace(has_success=True, total=4, successful=1)
    assert merged(once, policy, broken, NOW, 0.0).failures == 3


def test_what_was_seen_in_an_older_generation_is_only_counted():
    breaker = rules.reset(opened())
    after = merged(breaker, ONE, Delta(0, total=9, failed=9, failures=9), NOW, 0.0)
    assert (after.state, after.failures, after.failed) == (CLOSED, 0, 10)
