"""The pick strategies: what each promises, over all fleets that Hypothesis can think of."""

import json
import subprocess
import sys
from collections import Counter
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.model.balance import HAS_MEMORY, STRATEGIES, Candidate, check_strategy, eligible, pick
from mgov.model.balance import _fnv1a as fnv1a
from mgov.model.balance import _mix as mix
from mgov.model.balance import _unit as unit

DRAWS = st.floats(0, 1, exclude_max=True)
WEIGHTS = st.integers(0, 20)
LATENCIES = st.none() | st.floats(0, 10_000)
MAX_WEIGHT = 65535


def fleets(weights=WEIGHTS, latencies=LATENCIES, min_size=1, max_size=8):
    ids = st.lists(st.text("abc-0123", min_size=1, max_size=4), unique=True, min_size=min_size, max_size=max_size)
    nowhere = st.just("")                       # or Hypothesis draws a zone by its type
    return ids.flatmap(
        lambda names: st.tuples(
            *(st.builds(Candidate, st.just(name), weights, latencies, zone=nowhere) for name in names)
        )
    )


def fleet(**weights):
    return [Candidate(name, weight) for name, weight in weights.items()]


def picks(strategy, candidates, count, memory=None):
    """The ids of `count` picks in a row, the memory passed through JSON between them as a store does."""
    memory, given = memory or {}, []
    for _ in range(count):
        chosen, memory = pick(strategy, candidates, memory=json.loads(json.dumps(memory)), draw=0.5, key="k")
        given.append(chosen.id)
    return given


def by_hash(candidates, count=2000):
    return [pick("hash", candidates, memory={}, draw=0.0, key=f"user-{i}")[0].id for i in range(count)]


def chi_square(counts, expected):
    return sum((counts.get(name, 0) - want) ** 2 / want for name, want in expected.items())


@given(fleets(), st.sampled_from(STRATEGIES), DRAWS, st.text(), st.randoms(use_true_random=False))
def test_a_pick_is_a_candidate_depends_on_no_order_and_changes_nothing(candidates, strategy, draw, key, random):
    memory = pick(strategy, candidates, memory={}, draw=draw, key=key)[1]
    before = deepcopy((candidates, memory))
    chosen, after = pick(strategy, candidates, memory=memory, draw=draw, key=key)
    assert (candidates, memory) == before
    assert after is not memory
    assert chosen.id in {c.id for c in candidates}
    shuffled = random.sample(candidates, len(candidates))
    assert pick(strategy, shuffled, memory=memory, draw=draw, key=key) == (chosen, after)
    assert (after == {}) == (strategy not in HAS_MEMORY)
    assert json.loads(json.dumps(after)) == after


@given(fleets(), st.sampled_from(STRATEGIES), DRAWS, st.text())
def test_weight_zero_gets_no_traffic_unless_all_have_it(candidates, strategy, draw, key):
    chosen, _ = pick(strategy, candidates, memory={}, draw=draw, key=key)
    weight = next(c.weight for c in candidates if c.id == chosen.id)
    assert weight > 0 or all(c.weight == 0 for c in candidates)


@pytest.mark.parametrize("strategy", ["round-robin", "weighted"])
def test_all_with_weight_zero_are_equal(strategy):
    assert Counter(picks(strategy, fleet(a=0, b=0, c=0), 9)) == {"a": 3, "b": 3, "c": 3}


def test_weighted_gives_the_sequence_that_nginx_gives():
    assert picks("weighted", fleet(a=5, b=1, c=1), 14) == list("aabacaa" * 2)


@given(fleets(weights=st.integers(1, 20)), st.integers(0, 30))
def test_weighted_gives_each_exactly_its_weight_in_one_cycle_from_any_point(candidates, start):
    cycle = sum(c.weight for c in candidates)
    given_ids = picks("weighted", candidates, start + cycle)
    assert Counter(given_ids[start:]) == {c.id: c.weight for c in candidates}


@settings(max_examples=40)
@given(st.lists(fleets(weights=st.integers(0, MAX_WEIGHT)), min_size=1, max_size=12))
def test_weighted_memory_holds_only_those_present_and_stays_bounded_in_a_fleet_that_changes(history):
    memory = {}
    for candidates in history:
        _, memory = pick("weighted", candidates, memory=memory, draw=0.0)
        usable = {c.id: c.weight for c in candidates if c.weight} or {c.id: 1 for c in candidates}
        assert set(memory["credits"]) == set(usable)
        assert max(map(abs, memory["credits"].values())) <= 3 * sum(usable.values())


def test_weighted_is_fair_to_those_who_stay_when_another_comes_and_goes_all_the_time():
    steady, memory, count = fleet(a=1, b=1), {}, Counter()
    for i in range(300):
        extra = fleet(z=1) if i % 2 else []
        chosen, memory = pick("weighted", steady + extra, memory=memory, draw=0.0)
        count[chosen.id] += 1
    assert abs(count["a"] - count["b"]) <= 2


def test_weighted_forgets_a_large_weight_soon_after_it_is_turned_down():
    memory = {}
    for _ in range(5):
        _, memory = pick("weighted", fleet(a=60000, b=1), memory=memory, draw=0.0)
    after = picks("weighted", fleet(a=1, b=1), 12, memory)
    assert abs(after.count("a") - after.count("b")) <= 4


@given(fleets(weights=st.just(1)), st.integers(1, 5), st.text("abc-0123", max_size=4))
def test_round_robin_gives_each_its_turn_wherever_it_starts(candidates, rounds, last):
    given_ids = picks("round-robin", candidates, rounds * len(candidates), {"last": last})
    assert set(Counter(given_ids).values()) == {rounds}


def test_round_robin_goes_on_after_an_instance_that_has_gone_and_takes_in_one_that_came():
    _, memory = pick("round-robin", fleet(a=1, b=1, c=1), memory={"last": "a"}, draw=0.0)
    assert memory == {"last": "b"}
    assert picks("round-robin", fleet(a=1, c=1, d=1), 4, memory) == ["c", "d", "a", "c"]
    assert picks("round-robin", fleet(a=1, bb=1, c=1), 1, memory) == ["bb"]


def test_the_memory_of_one_strategy_survives_the_use_of_another():
    memory = pick("round-robin", fleet(a=1, b=1), memory={}, draw=0.0)[1]
    memory = pick("weighted", fleet(a=1, b=1), memory=memory, draw=0.0)[1]
    assert pick("round-robin", fleet(a=1, b=1), memory=memory, draw=0.0)[0].id == "b"


@given(fleets(weights=st.just(1)))
def test_random_gives_each_the_same_share_of_the_draws(candidates):
    n = len(candidates)
    drawn = [pick("random", candidates, memory={}, draw=(i + 0.5) / (10 * n))[0].id for i in range(10 * n)]
    assert set(Counter(drawn).values()) == {10}
    assert len(set(drawn)) == n


@given(fleets(weights=st.integers(0, 9)))
def test_random_gives_each_a_share_as_large_as_its_weight(candidates):
    is_weighted = any(c.weight for c in candidates)
    weights = {c.id: c.weight if is_weighted else 1 for c in candidates if c.weight or not is_weighted}
    total = sum(weights.values())
    drawn = Counter(pick("random", candidates, memory={}, draw=(i + 0.5) / total)[0].id for i in range(total))
    assert drawn == Counter(weights)


@given(fleets(weights=st.integers(1, 9)), DRAWS)
def test_least_latency_gives_the_least_and_the_unmeasured_only_when_nothing_is_measured(candidates, draw):
    chosen, _ = pick("least-latency", candidates, memory={}, draw=draw)
    measured = [c.latency_ms for c in candidates if c.latency_ms is not None]
    assert chosen.latency_ms == (min(measured) if measured else None)


def test_least_latency_shares_out_a_tie_by_the_draw():
    tied = [Candidate("a", 1, 5.0), Candidate("b", 1, 5.0), Candidate("c", 1, 6.0)]
    assert [pick("least-latency", tied, memory={}, draw=d)[0].id for d in (0.2, 0.7)] == ["a", "b"]


@given(fleets(weights=st.integers(1, 9), min_size=2, max_size=2), DRAWS)
def test_p2c_prefers_the_faster_of_two_for_its_weight_and_takes_the_unmeasured_as_instant(candidates, draw):
    chosen, _ = pick("p2c", candidates, memory={}, draw=draw)
    costs = {c.id: (c.latency_ms or 0) / c.weight for c in candidates}
    assert costs[chosen.id] == min(costs.values())


def test_p2c_draws_every_pair_equally_often():
    names, n = "abcdef", 3000
    ranked = [Candidate(name, 1, float(i)) for i, name in enumerate(names)]
    count = Counter(pick("p2c", ranked, memory={}, draw=(i + 0.5) / n)[0].id for i in range(n))
    # the i-th fastest of six wins the pairs with those slower than itself: 5, 4, 3, 2, 1, 0 of 15
    assert [round(count[name] * 15 / n) for name in names] == [5, 4, 3, 2, 1, 0]


@given(DRAWS)
def test_p2c_never_gives_the_slowest_of_many(draw):
    slow = [Candidate("slow", 1, 900.0), *(Candidate(f"fast-{i}", 1, 5.0) for i in range(4))]
    assert pick("p2c", slow, memory={}, draw=draw)[0].id != "slow"


@given(fleets(weights=st.integers(1, 9)), DRAWS, DRAWS, st.text())
def test_hash_gives_the_same_key_the_same_instance_whatever_the_draw(candidates, draw, other, key):
    assert (
        pick("hash", candidates, memory={}, draw=draw, key=key)[0]
        == pick("hash", candidates, memory={}, draw=other, key=key)[0]
    )


@given(fleets(weights=st.integers(1, 9), min_size=2), st.lists(st.text(), min_size=1, max_size=6))
def test_hash_moves_only_the_keys_of_the_instance_that_goes_and_gives_only_to_the_one_that_comes(candidates, keys):
    gone, rest = candidates[0], candidates[1:]
    for key in keys:
        with_it = pick("hash", candidates, memory={}, draw=0.0, key=key)[0]
        without = pick("hash", rest, memory={}, draw=0.0, key=key)[0]
        assert without == with_it or with_it == gone


@given(fleets(weights=st.integers(1, 9), min_size=2), st.integers(1, 9), st.lists(st.text(), min_size=1, max_size=6))
def test_hash_moves_keys_only_to_or_from_the_instance_whose_weight_changes(candidates, weight, keys):
    changed = [candidates[0]._replace(weight=weight), *candidates[1:]]
    for key in keys:
        before = pick("hash", candidates, memory={}, draw=0.0, key=key)[0].id
        after = pick("hash", changed, memory={}, draw=0.0, key=key)[0].id
        if weight > candidates[0].weight:
            assert after in (before, candidates[0].id)
        else:
            assert after == before or before == candidates[0].id


def test_hash_moves_about_one_in_n_keys_when_one_of_n_goes():
    ten = [Candidate(f"orders-{i}") for i in range(10)]
    before, after = by_hash(ten), by_hash(ten[1:])
    moved = sum(x != y for x, y in zip(before, after, strict=True))
    assert 150 < moved < 250                    # 200 of 2,000 expected, 13.4 standard deviation


def test_hash_spreads_keys_by_weight_within_a_chi_square_bound():
    weighted = [Candidate(f"10.0.0.{i}-8080", 1 + i % 4) for i in range(16)]
    total = sum(c.weight for c in weighted)
    count = Counter(by_hash(weighted, 8000))
    assert chi_square(count, {c.id: 8000 * c.weight / total for c in weighted}) < 50     # 15 degrees: p = 1e-5


def test_the_hash_of_counted_up_keys_is_uniform_in_its_highest_and_lowest_bits():
    hashes = [mix(fnv1a(f"k{i}")) for i in range(10_000)]
    for buckets in (Counter(h >> 58 for h in hashes), Counter(h & 63 for h in hashes)):
        assert chi_square(buckets, dict.fromkeys(range(64), 10_000 / 64)) < 125          # 63 degrees: p = 5e-6


def test_the_hash_is_the_published_one():
    """FNV-1a of the draft's test vectors and the first output of splitmix64 with seed 0 are what their authors say."""
    assert fnv1a("") == 0xCBF29CE484222325
    assert fnv1a("a") == 0xAF63DC4C8601EC8C
    assert fnv1a("foobar") == 0x85944171F73967E8
    assert mix(0) == 0xE220A8397B1DCDAF


def test_the_hash_as_a_number_never_reaches_zero_or_one():
    assert 0.0 < unit(0) < unit(2**64 - 1) < 1.0


def test_hash_takes_a_key_that_is_not_valid_utf_8():
    assert pick("hash", fleet(a=1), memory={}, draw=0.0, key="\udcff")[0].id == "a"


def test_hash_without_a_key_says_which_flag_is_missing():
    with pytest.raises(UsageError, match="needs a key") as caught:
        pick("hash", fleet(a=1), memory={}, draw=0.0)
    assert "--key" in caught.value.hint


@pytest.mark.parametrize(
    ("typed", "hint"), [("least-latancy", "did you mean least-latency?"), ("Hash", "did you mean hash?")]
)
def test_an_unknown_strategy_is_refused_with_a_suggestion(typed, hint):
    with pytest.raises(UsageError) as caught:
        check_strategy(typed)
    assert caught.value.hint == hint


def test_a_word_like_no_strategy_is_refused_with_all_of_them():
    with pytest.raises(UsageError) as caught:
        pick("zzz", fleet(a=1), memory={}, draw=0.0)
    assert caught.value.hint == "one of random, round-robin, weighted, least-latency, p2c, hash"


def test_picking_from_nothing_is_the_caller_s_mistake():
    with pytest.raises(ValueError, match="nothing to pick from"):
        pick("random", [], memory={}, draw=0.0)


def test_the_module_imports_nothing_that_a_hot_verb_cannot_afford():
    code = "import sys; before = set(sys.modules); import mgov.model.balance; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
                            capture_output=True, text=True, check=True).stdout.split()
    allowed = {"math", "collections", "itertools", "_collections", "_operator", "_weakref", "operator", "keyword",
               "reprlib", "builtins", "_thread"}
    assert {name for name in loaded if not name.startswith("mgov")} <= allowed | {"collections.abc", "_collections_abc"}
    assert not {"re", "random", "hashlib", "typing", "enum", "dataclasses"} & set(loaded)


def zoned(**zones):
    """Candidates by name, each with the zone and weight given."""
    return [Candidate(name, weight, zone=zone) for name, (zone, weight) in zones.items()]


@given(fleets(), st.sampled_from(STRATEGIES), DRAWS, st.data())
def test_a_pick_stays_in_the_callers_zone_while_an_instance_there_takes_traffic(candidates, strategy, draw, data):
    placed = [c._replace(zone=data.draw(st.sampled_from(("a", "b", "")))) for c in candidates]
    chosen, _ = pick(strategy, placed, memory={}, draw=draw, key="k", zone="a")
    everywhere_idle = not any(c.weight for c in placed)
    near = {c.id for c in placed if c.zone == "a" and (c.weight or everywhere_idle)}
    assert chosen.id in (near or {c.id for c in placed if c.weight or everywhere_idle})


@given(fleets(), st.sampled_from(STRATEGIES), DRAWS)
def test_a_zone_that_nobody_is_in_changes_nothing(candidates, strategy, draw):
    assert pick(strategy, candidates, memory={}, draw=draw, key="k", zone="a") == pick(
        strategy, candidates, memory={}, draw=draw, key="k")


@pytest.mark.parametrize("strategy", sorted(HAS_MEMORY))
def test_callers_of_two_zones_and_of_none_share_one_memory_and_each_is_served_fairly(strategy):
    """In turns over one memory, each zone's picks are as if it were alone."""
    candidates = zoned(a1=("a", 3), a2=("a", 1), b1=("b", 1), b2=("b", 2))
    memory, given = {}, {"a": [], "b": [], "": []}
    for _ in range(12):
        for zone, names in given.items():
            chosen, memory = pick(strategy, candidates, memory=json.loads(json.dumps(memory)), draw=0.5, zone=zone)
            names.append(chosen.id)
    shares = {zone: Counter(names) for zone, names in given.items()}
    if strategy == "weighted":
        assert shares["a"] == {"a1": 9, "a2": 3}
        assert shares["b"] == {"b1": 4, "b2": 8}
    else:
        assert shares["a"] == {"a1": 6, "a2": 6}
        assert shares["b"] == {"b1": 6, "b2": 6}
    alone, memory = [], {}
    for _ in range(12):
        chosen, memory = pick(strategy, candidates, memory=memory, draw=0.5)
        alone.append(chosen.id)
    assert given[""] == alone


@given(fleets(), st.sets(st.text("abc-0123", min_size=1, max_size=4)), st.integers(0, 255))
def test_outliers_are_left_out_but_never_all_that_take_traffic(candidates, others, mask):
    skip = {c.id for i, c in enumerate(candidates) if mask >> i & 1} | others
    takes_traffic = {c.id for c in candidates if c.weight} or {c.id for c in candidates}
    kept = eligible(candidates, skip)
    assert {c.id for c in kept} == (takes_traffic - skip or takes_traffic)
    assert all(c.weight for c in kept)
    assert eligible(kept, skip) == kept
