"""Which of several instances to use: six strategies, pure.

- random: by the caller's draw, each with a chance as large as its weight.
- round-robin: in the order of their ids, continuing after the last one given.
- weighted: smooth weighted round-robin, as nginx does it: in any run of as many picks as the weights add up to, each
  is given exactly its weight, spread evenly instead of in bursts.
- least-latency: the smallest smoothed latency. One that was never measured comes after all that were.
- p2c: two by the draw, the one with less latency for its weight wins (Mitzenmacher 2001, "The Power of Two Choices in
  Randomized Load Balancing"). One that was never measured counts as instant, so that a new one gets its share.
- hash: the same key gets the same instance. Weighted rendezvous hashing (Thaler and Ravishankar 1998; the weights by
  logarithm): one of n coming or going moves about 1/n of the keys, and none between the others.

Weight 0 means no traffic, unless all have it: then they are equal. A caller's zone, if it names one, is preferred: as
long as an instance there takes traffic, the choice is among those; else it is among all. Outliers are left out first
(`eligible`), but never all that take traffic. Two strategies have a memory, which belongs to the
caller: JSON-able, `{}` at first, one for all strategies of a service; a pick returns the next one and changes nothing.
"""

from math import log

from mgov.errors import UsageError
from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from typing import Any

Memory = dict[str, "Any"]

STRATEGIES = ("random", "round-robin", "weighted", "least-latency", "p2c", "hash")
HAS_MEMORY = frozenset({"round-robin", "weighted"})

_LAST = "last"                                  # round-robin: the id given last
_CREDITS = "credits"                            # weighted: id -> what it is owed
_ZONES = "zones"                                # what is remembered of picks within one zone, by zone
_64_BITS = 0xFFFF_FFFF_FFFF_FFFF


class Candidate(NamedTuple):
    """An instance that may be picked. `weight` is at least 0; `latency_ms` is smoothed, None when never measured."""

    id: str
    weight: int = 1
    latency_ms: "float | None" = None
    zone: str = ""


def check_strategy(text: str) -> str:
    """Return `text` if it is one of STRATEGIES; else raise UsageError with a suggestion."""
    if text in STRATEGIES:
        return text
    from mgov.model.names import suggest

    near = suggest(text.lower(), list(STRATEGIES))
    hint = f"did you mean {near}?" if near else f"one of {', '.join(STRATEGIES)}"
    raise UsageError(f"there is no pick strategy {text[:40]!r}", hint=hint)


def pick(
    strategy: str,
    candidates: "Sequence[Candidate]",
    *,
    memory: "Mapping[str, Any]",
    draw: float,
    key: "str | None" = None,
    zone: str = "",
) -> "tuple[Candidate, Memory]":
    """The candidate that `strategy` gives, and the memory for the next pick.

    `draw` is random in [0, 1); `key` is what `hash` is consistent in; `zone` is preferred. The order of `candidates`
    does not matter, their ids are distinct. Raises UsageError on an unknown strategy or a missing key, ValueError
    without candidates.
    """
    check_strategy(strategy)
    if not candidates:
        raise ValueError("nothing to pick from")
    usable = _usable(candidates)
    near = [c for c in usable if c.zone == zone] if zone else []
    if not near:
        return _pick(strategy, usable, memory, draw, key)
    # Callers of several zones take turns at one memory: in a common one each would forget what the others are owed.
    zones = memory.get(_ZONES, {})
    chosen, own = _pick(strategy, near, zones.get(zone, {}), draw, key)
    return chosen, {**memory, _ZONES: {**zones, zone: own}} if own else dict(memory)


def eligible(candidates: "Sequence[Candidate]", skip: "Container[str]" = ()) -> "list[Candidate]":
    """Those that take traffic, by id, without the ids in `skip`; with them where none would be left."""
    usable = _usable(candidates)
    return [c for c in usable if c.id not in skip] or usable


def _pick(
    strategy: str, usable: "list[Candidate]", memory: "Mapping[str, Any]", draw: float, key: "str | None"
) -> "tuple[Candidate, Memory]":
    if strategy == "round-robin":
        chosen = _after(usable, memory.get(_LAST, ""))
        return chosen, {**memory, _LAST: chosen.id}
    if strategy == "weighted":
        chosen, credits = _smooth(usable, memory.get(_CREDITS, {}))
        return chosen, {**memory, _CREDITS: credits}
    return _without_memory(strategy, usable, draw, key), dict(memory)


def _without_memory(strategy: str, usable: "list[Candidate]", draw: float, key: "str | None") -> Candidate:
    if strategy == "random":
        return _drawn(usable, draw)
    if strategy == "least-latency":
        return _fastest(usable, draw)
    if strategy == "p2c":
        return _better_of_two(usable, draw)
    if key is None:
        raise UsageError("picking by hash needs a key", hint="--key VALUE, for example a user's id")
    return _rendezvous(usable, key)


def _usable(candidates: "Sequence[Candidate]") -> "list[Candidate]":
    """Those with a weight, by id; if none has one, all of them with weight 1."""
    ordered = sorted(candidates, key=lambda c: c.id)
    return [c for c in ordered if c.weight > 0] or [c._replace(weight=1) for c in ordered]


def _after(usable: "list[Candidate]", last: str) -> Candidate:
    """The first id beyond `last`, which need not exist any more; at the end, the first of all."""
    return next((c for c in usable if c.id > last), usable[0])


def _smooth(usable: "list[Candidate]", before: "Mapping[str, int]") -> "tuple[Candidate, dict[str, int]]":
    """Each gets its weight in credit, the richest is given and pays what all got.

    Credits of those who stay are kept when others come and go, so that a fleet that changes between any two picks is
    still shared out fairly. What a leaver owed or was owed is spread over the rest, and no credit goes beyond twice
    the sum of the weights, so that a weight turned down by much is not paid back for thousands of picks.
    """
    total = sum(c.weight for c in usable)
    kept = {c.id: before.get(c.id, 0) for c in usable}
    drift = sum(kept.values()) // len(kept)      # 0 as long as nobody comes or goes
    for c in usable:
        kept[c.id] = max(-2 * total, min(2 * total, kept[c.id] - drift)) + c.weight
    chosen = max(usable, key=lambda c: kept[c.id])
    kept[chosen.id] -= total
    return chosen, kept


def _drawn(usable: "list[Candidate]", draw: float) -> Candidate:
    """The one in whose part of the line, as long as its weight, the draw falls."""
    left = draw * sum(c.weight for c in usable)
    for c in usable:
        left -= c.weight
        if left < 0:
            return c
    return usable[-1]


def _fastest(usable: "list[Candidate]", draw: float) -> Candidate:
    measured = [c.latency_ms for c in usable if c.latency_ms is not None]
    least = min(measured) if measured else None
    equal = [c for c in usable if c.latency_ms == least]
    return equal[int(draw * len(equal))]


def _better_of_two(usable: "list[Candidate]", draw: float) -> Candidate:
    """Two distinct candidates from one draw: its whole part says the first, what is left of it the second."""
    if len(usable) == 1:
        return usable[0]
    scaled = draw * len(usable)
    i = int(scaled)
    j = int((scaled - i) * (len(usable) - 1))
    first, second = usable[i], usable[j + (j >= i)]
    return second if _cost(second) < _cost(first) else first


def _cost(candidate: Candidate) -> float:
    return (candidate.latency_ms or 0.0) / candidate.weight


def _rendezvous(usable: "list[Candidate]", key: str) -> Candidate:
    """The winner of a race in which each runs an exponential time with its weight as the rate.

    A candidate's time depends on itself and the key alone, hence only keys that it wins or loses ever move.
    """
    seed = _fnv1a(key)
    return min(usable, key=lambda c: -log(_unit(_mix(seed ^ _mix(_fnv1a(c.id))))) / c.weight)


def _fnv1a(text: str) -> int:
    """FNV-1a, 64 bits (draft-eastlake-fnv): the same on every machine and day, without the 5 ms that hashlib costs."""
    h = 0xCBF2_9CE4_8422_2325
    for byte in text.encode("utf-8", "surrogatepass"):
        h = (h ^ byte) * 0x100_0000_01B3 & _64_BITS
    return h


def _mix(h: int) -> int:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): each bit in turns about half of the bits out."""
    h = (h + 0x9E37_79B9_7F4A_7C15) & _64_BITS
    h = (h ^ h >> 30) * 0xBF58_476D_1CE4_E5B9 & _64_BITS
    h = (h ^ h >> 27) * 0x94D0_49BB_1331_11EB & _64_BITS
    return h ^ h >> 31


def _unit(h: int) -> float:
    """The upper 52 bits as a number strictly between 0 and 1."""
    return ((h >> 12) + 0.5) / (1 << 52)
