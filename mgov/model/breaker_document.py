"""The breakers of one service, as one document: its own under '', and those of its instances under their ids.

Its transitions are numbered in the order in which they happened; the newest are kept.
"""

from mgov.model.breaker import CLOSED, GRANTED, HALF_OPEN, OFF, Breaker, look, opened_if_due, permit, settle
from mgov.model.breaker_window import add_bucket, live_buckets, totals, width_of
from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from mgov.model.breaker import Answer
    from mgov.model.breaker_policy import BreakerPolicy
    from mgov.model.breaker_window import Bucket

KEPT_TRANSITIONS = 50
FEW = 0.1                                       # of an instance's calls fail, and it serves all the same
FRESH = Breaker()
_FIELDS = frozenset(Breaker._fields)


class Transition(NamedTuple):
    """One change of a breaker: `instance` is '' for the service's own; `before` and `after` as `label` says, `by` is
    who turned it by hand, '' where calls did."""

    sequence: int
    at: float
    instance: str
    before: str
    after: str
    reason: str
    by: str = ""


class BreakerSet(NamedTuple):
    """A service's breakers by id, and their transitions, oldest first; `sequence` is the newest one's number."""

    breakers: "Mapping[str, Breaker]" = {}
    sequence: int = 0
    transitions: "tuple[Transition, ...]" = ()

    def get(self, instance: str = "") -> Breaker:
        """The breaker of an instance; one that nobody used yet is closed."""
        return self.breakers.get(instance, FRESH)


class Delta(NamedTuple):
    """What a process saw of a breaker since it last told: the counts, and its row of failures at the end.

    `generation` is the one it saw it in; `buckets` are as wide as the policy's.
    """

    generation: int
    total: int = 0
    successful: int = 0
    failed: int = 0
    rejected: int = 0
    slow: int = 0
    failures: int = 0
    has_success: bool = False
    buckets: "tuple[Bucket, ...]" = ()
    last_failure_at: float = 0.0
    last_success_at: float = 0.0
    kind: str = ""


def label(breaker: Breaker) -> str:
    """The state in words: `closed`, `open`, `half-open`, `forced open`, `forced closed` or `off`."""
    if not breaker.forced:
        return breaker.state
    return breaker.forced if breaker.forced == OFF else f"forced {breaker.forced}"


def with_breaker(known: BreakerSet, instance: str, after: Breaker, now: float, by: str = "") -> BreakerSet:
    """The set with `after` in the place of the instance's breaker, and the transition noted if it is one, as `by`'s."""
    before = known.get(instance)
    if after == before:
        return known
    breakers = {**known.breakers, instance: after}
    if after.generation == before.generation and label(after) == label(before):
        return known._replace(breakers=breakers)
    sequence = known.sequence + 1
    transition = Transition(sequence, now, instance, label(before), label(after), after.reason, by)
    return BreakerSet(breakers, sequence, (*known.transitions, transition)[-KEPT_TRANSITIONS:])


def ask(
    known: BreakerSet,
    instance: str,
    policy: "BreakerPolicy",
    now: float,
    hold_s: float,
    among: "Collection[str]",
) -> "tuple[BreakerSet, Answer]":
    """As `breaker.permit`, of one in the set; but the last of the instances in `among` is let through.

    What that call reports counts in the statistics only: it was no probe.
    """
    after, answer = permit(known.get(instance), policy, now, hold_s)
    if not answer.is_granted and instance and instance not in ejected(known, among or (instance,), policy, now):
        return known, GRANTED
    return with_breaker(known, instance, after, now), answer


def merged(breaker: Breaker, policy: "BreakerPolicy", delta: Delta, now: float, draw: float) -> Breaker:
    """The breaker after what one process saw of it. Of another generation only the statistics are added."""
    breaker = settle(breaker, now)
    if breaker.forced == OFF:
        return breaker
    breaker = breaker._replace(
        total=breaker.total + delta.total,
        successful=breaker.successful + delta.successful,
        failed=breaker.failed + delta.failed,
        rejected=breaker.rejected + delta.rejected,
        slow=breaker.slow + delta.slow,
        last_failure_at=max(breaker.last_failure_at, min(delta.last_failure_at, now)),
        last_success_at=max(breaker.last_success_at, min(delta.last_success_at, now)),
    )
    if delta.generation != breaker.generation or breaker.state != CLOSED:
        return breaker
    buckets = live_buckets(breaker.buckets, breaker.width_s, policy, now)
    for bucket in live_buckets(delta.buckets, width_of(policy), policy, now):
        buckets = add_bucket(buckets, bucket)
    failures = delta.failures + (0 if delta.has_success else breaker.failures)
    breaker = breaker._replace(failures=failures, buckets=buckets, width_s=width_of(policy))
    return opened_if_due(breaker, policy, now, draw, kind=delta.kind) if delta.failed or delta.slow else breaker


def is_serving(breaker: Breaker, policy: "BreakerPolicy", delta: Delta, now: float) -> bool:
    """Whether a call went well within the last window, none has failed since, and few did in all of it.

    One that fails every other time is part of what ails the service. `delta` is not in `breaker` yet.
    """
    failures = delta.failures + (0 if delta.has_success else breaker.failures)
    last_at = max(breaker.last_success_at, delta.last_success_at)
    if failures or abs(now - last_at) >= policy.window_s:
        return False
    live = live_buckets(breaker.buckets, breaker.width_s, policy, now)
    calls, failed, _ = totals((*live, *live_buckets(delta.buckets, width_of(policy), policy, now)))
    return failed <= FEW * calls


def to_value(known: BreakerSet) -> "dict[str, Any]":
    """The set as a store keeps it: fields at their default are left out."""
    return {
        "breakers": {instance: _fields(breaker) for instance, breaker in sorted(known.breakers.items())},
        "sequence": known.sequence,
        "transitions": [transition._asdict() for transition in known.transitions],
    }


def from_value(value: "Mapping[str, Any]") -> BreakerSet:
    """The set that `to_value` wrote; raise ValueError, TypeError, AttributeError or KeyError for anything else."""
    return BreakerSet(
        {instance: breaker_from(fields) for instance, fields in value["breakers"].items()},
        int(value["sequence"]),
        tuple(
            Transition(*(entry[field] for field in Transition._fields))
            for entry in ({"by": "", **written} for written in value["transitions"])
        ),
    )


def breaker_from(fields: "Mapping[str, Any]") -> Breaker:
    """One breaker of the document; a field of a later mgov is passed over."""
    known = {field: value for field, value in fields.items() if field in _FIELDS}
    for field in ("buckets", "probes"):
        if field in known:
            known[field] = tuple(tuple(item) for item in known[field])
    return Breaker(**known)


def _fields(breaker: Breaker) -> "dict[str, Any]":
    pairs = zip(Breaker._fields, breaker, FRESH, strict=True)
    found: dict[str, Any] = {field: value for field, value, default in pairs if value != default}
    for field in ("buckets", "probes"):
        if field in found:
            found[field] = [list(item) for item in found[field]]
    return found


def ejected(known: BreakerSet, instances: "Iterable[str]", policy: "BreakerPolicy", now: float) -> "frozenset[str]":
    """Those of `instances` whose breakers let no call out now, but never all of them.

    Where none would be left, the one whose rest ends first stays; what was forced open by hand is out all the same.
    """
    looked = {instance: settle(known.get(instance), now) for instance in instances}
    out = {instance: breaker for instance, breaker in looked.items() if not _lets_out(breaker, policy, now)}
    if len(out) == len(looked):
        resting = sorted((breaker.retry_at, instance) for instance, breaker in out.items() if not breaker.forced)
        if resting:
            del out[resting[0][1]]
    return frozenset(out)


def _lets_out(breaker: Breaker, policy: "BreakerPolicy", now: float) -> bool:
    answer = look(breaker, now)
    if answer is not None:
        return answer.is_granted
    return breaker.state != HALF_OPEN or sum(probe[1] > now for probe in breaker.probes) < policy.half_open
