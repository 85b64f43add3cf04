"""The circuit breaker: may a call go out, and what its outcome means for the next ones.

Asking and reporting are two steps. `permit` says whether a call may go out; `report` takes what became of it.

closed      Every call may go out. Each counted failure adds one to the failures in a row, each success ends the row.
            Calls of the last `window` are counted in ten buckets. After a counted failure or a slow call the breaker
            opens when (1) the row has `threshold` failures, or the window has `min_calls` calls and of these (2) the
            share of `failure_rate` failed, or (3) the share of `slow_rate` was slow. A success that is not slow never
            opens it.
open        No call goes out until the rest is over: `open_for`, doubled with each opening since it was last closed,
            at most `open_cap`, and shortened by up to a tenth so that not all come back at once. Who then asks next
            makes it half-open.
half-open   `half_open` probes may be under way at once. `close_after` passed probes close it; one that fails or is
            slow opens it again. A probe that was ignored or cancelled frees its place and says nothing. So does one
            that did not report within its time, and its report, should it still come, is late.

Generations: each transition begins a new one, with empty windows. A report of an older generation changes nothing; one
that is no probe's, in a breaker that is not closed, is counted in the statistics only.

Outcomes: success; failure of some kind, ignored where the policy does not count it; ignored; cancelled, no call at all.

By hand: `trip` opens it now, and it comes back as ever; one that is open already rests anew, which is no further
opening. `reset` closes it. Forced open, forced closed and off hold
until they are lifted or their time ends: forced closed counts and never opens, off does not even count. What was
forced open goes on half-open; the others go on closed.

Clocks: times are seconds since the epoch, and that clock may jump. A rest or a probe's time that would last longer
than it did at its beginning begins anew, so that nothing is open for ever; a bucket that lies ahead is dropped.
"""

from mgov.errors import InternalError
from mgov.model.breaker_window import add_bucket, live_buckets, opening, slot_of, totals, width_of
from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mgov.model.breaker_policy import BreakerPolicy
    from mgov.model.breaker_window import Bucket

CLOSED, OPEN, HALF_OPEN = STATES = ("closed", "open", "half-open")
FORCE_OPEN, FORCE_CLOSED, OFF = FORCES = ("open", "closed", "off")
SUCCESS, FAILURE, IGNORED, CANCELLED = OUTCOMES = ("success", "failure", "ignored", "cancelled")
WENT_WRONG, RESTED, PROBE_FAILED = "went-wrong", "rested", "probe-failed"
PROBES_PASSED, TRIPPED, RESET = "probes-passed", "tripped", "reset"
TRANSITIONS = {
    (CLOSED, WENT_WRONG): OPEN,
    (OPEN, RESTED): HALF_OPEN,
    (HALF_OPEN, PROBE_FAILED): OPEN,
    (HALF_OPEN, PROBES_PASSED): CLOSED,
    **{(state, TRIPPED): OPEN for state in STATES},
    **{(state, RESET): CLOSED for state in STATES},
}
HOLD_S = 30.0                                   # how long a probe keeps its place, unless told
JITTER_SHARE = 0.1
_MAX_DOUBLINGS = 30
_SAME_S = 0.001                                 # two ends so close are one that was said twice


class Breaker(NamedTuple):
    """All that is known of one breaker. A time of 0 is none.

    `failures` is the row, or what it was when it opened; `rest_s` the whole rest that ends at `retry_at`; `opens`
    counts the openings since it was last closed; `passed` the probes that passed; `probes` are (serial, when its place
    is freed, its whole time), `serial` the newest one's. `total` is successful, failed, ignored and rejected together.
    """

    state: str = CLOSED
    generation: int = 0
    reason: str = ""
    failures: int = 0
    buckets: "tuple[Bucket, ...]" = ()
    width_s: float = 0.0
    opened_at: float = 0.0
    rest_s: float = 0.0
    retry_at: float = 0.0
    opens: int = 0
    passed: int = 0
    serial: int = 0
    probes: "tuple[tuple[int, float, float], ...]" = ()
    forced: str = ""
    forced_at: float = 0.0
    forced_s: float = 0.0
    total: int = 0
    successful: int = 0
    failed: int = 0
    rejected: int = 0
    slow: int = 0
    last_failure_at: float = 0.0
    last_success_at: float = 0.0


class Answer(NamedTuple):
    """What `permit` says. `serial` is a probe's, 0 where every call may go out. For a refused call, `why` it was and
    after how many seconds to ask again; None where nobody can tell.
    """

    is_granted: bool
    serial: int = 0
    why: str = ""
    retry_after_s: "float | None" = None


GRANTED = Answer(True)


def permit(breaker: Breaker, policy: "BreakerPolicy", now: float, hold_s: float = HOLD_S) -> "tuple[Breaker, Answer]":
    """Whether a call may go out now; a probe keeps its place for `hold_s`. A refusal is counted."""
    breaker = settle(breaker, now)
    answer = look(breaker, now)
    if answer is not None:
        return (breaker if answer.is_granted else _rejected(breaker)), answer
    if breaker.state == OPEN:
        breaker = _move(breaker, RESTED, breaker.reason)
    under_way = tuple(probe for probe in breaker.probes if probe[1] > now)
    if len(under_way) >= policy.half_open:
        why = f"half-open{_because(breaker)}, with {_probes(len(under_way))} under way"
        retry_after_s = min(probe[1] for probe in under_way) - now
        return _rejected(breaker._replace(probes=under_way)), Answer(False, 0, why, retry_after_s)
    serial = breaker.serial + 1
    probes = (*under_way, (serial, now + hold_s, hold_s))
    return breaker._replace(serial=serial, probes=probes), Answer(True, serial)


def look(breaker: Breaker, now: float) -> "Answer | None":
    """The answer of a settled breaker that needs nothing to change; None where a probe would be due."""
    if breaker.forced == FORCE_OPEN:
        until_s = breaker.forced_at + breaker.forced_s - now if breaker.forced_s else None
        return Answer(False, 0, f"forced open{_because(breaker)}", until_s)
    if breaker.state == CLOSED:
        return GRANTED
    if breaker.state == OPEN and now < breaker.retry_at:
        return Answer(False, 0, f"open{_because(breaker)}", breaker.retry_at - now)
    return None


def report(
    breaker: Breaker,
    policy: "BreakerPolicy",
    outcome: str,
    now: float,
    *,
    generation: "int | None" = None,
    serial: int = 0,
    kind: str = "",
    latency_s: float = 0.0,
    draw: float = 0.0,
) -> Breaker:
    """The breaker after a call. `generation` and `serial` are its permit's (None: it had none); `draw` is in 0 to 1."""
    breaker = settle(breaker, now)
    if breaker.forced == OFF or (generation is not None and generation != breaker.generation):
        return breaker
    if outcome == FAILURE and not policy.counts(kind):
        outcome = IGNORED
    is_probe = any(probe[0] == serial and probe[1] > now for probe in breaker.probes)
    if serial and not is_probe:
        return breaker
    if is_probe:
        breaker = breaker._replace(probes=tuple(probe for probe in breaker.probes if probe[0] != serial))
    if outcome == CANCELLED:
        return breaker
    is_slow = outcome != IGNORED and policy.is_slow(latency_s)
    breaker = _counted(breaker, outcome, now, is_slow=is_slow)
    if breaker.state == CLOSED:
        return _noted(breaker, policy, outcome, kind, now, draw, is_slow=is_slow)
    if not is_probe or outcome == IGNORED:
        return breaker
    if outcome == FAILURE or (is_slow and policy.slow_rate):
        what = "a slow probe" if outcome != FAILURE else f"a failed probe: {kind}" if kind else "a failed probe"
        return _open(breaker, policy, PROBE_FAILED, what, now, draw)
    breaker = breaker._replace(passed=breaker.passed + 1)
    if breaker.passed < policy.close_after:
        return breaker
    return _move(breaker, PROBES_PASSED, f"{_probes(breaker.passed)} passed")


def trip(
    breaker: Breaker, policy: "BreakerPolicy", now: float, draw: float, *, reason: str = "", rest_s: float = 0.0
) -> Breaker:
    """Open it by hand for `rest_s` [as the policy says].

    One that is open with the same reason, and until the same time if one was said, stays as it is.
    """
    breaker = settle(breaker, now)
    why = reason or "tripped by hand"
    is_so = breaker.state == OPEN and breaker.reason == why and now < breaker.retry_at
    if is_so and (not rest_s or abs(breaker.retry_at - now - rest_s) < _SAME_S):
        return breaker
    return _open(breaker, policy, TRIPPED, why, now, draw, rest_s=rest_s)


def reset(breaker: Breaker, *, is_whole: bool = False) -> Breaker:
    """Close it and lift what was forced; with `is_whole` its statistics begin anew too."""
    if is_whole:
        kept = Breaker(generation=breaker.generation, serial=breaker.serial, state=breaker.state)
        return _move(kept, RESET, "")
    if breaker.state == CLOSED and not breaker.forced and not breaker.failures and not breaker.buckets:
        return breaker
    return _move(breaker._replace(forced="", forced_at=0.0, forced_s=0.0, opens=0), RESET, "")


def force(breaker: Breaker, word: str, now: float, *, reason: str = "", for_s: float = 0.0) -> Breaker:
    """Hold it open, closed or off for `for_s` [until lifted]; '' lifts."""
    breaker = settle(breaker, now)
    if not word:
        return lift(breaker, now)
    was_until, is_until = (breaker.forced_at + breaker.forced_s, now + for_s) if for_s else (breaker.forced_s, 0.0)
    if breaker.forced == word and breaker.reason == reason and abs(was_until - is_until) < _SAME_S:
        return breaker
    moved = _move(breaker, TRIPPED if word == FORCE_OPEN else RESET, reason)
    return moved._replace(opened_at=now if word == FORCE_OPEN else 0.0, forced=word, forced_at=now, forced_s=for_s)


def lift(breaker: Breaker, now: float) -> Breaker:
    """No longer forced: what was forced open is due for a probe, the others go on closed."""
    if not breaker.forced:
        return breaker
    was_open = breaker.forced == FORCE_OPEN
    reason = breaker.reason or "was forced open"
    return breaker._replace(
        forced="", forced_at=0.0, forced_s=0.0, retry_at=now if was_open else 0.0, reason=reason if was_open else ""
    )


def settle(breaker: Breaker, now: float) -> Breaker:
    """The breaker with what time alone has changed: a force that ran out, times that a clock's jump left ahead."""
    if breaker.forced and breaker.forced_s:
        if now >= breaker.forced_at + breaker.forced_s:
            return lift(breaker, now)
        if now < breaker.forced_at:
            breaker = breaker._replace(forced_at=now)
    if breaker.state == OPEN and breaker.retry_at > now + breaker.rest_s:
        breaker = breaker._replace(opened_at=now, retry_at=now + breaker.rest_s)
    if any(probe[1] > now + probe[2] for probe in breaker.probes):
        probes = tuple((serial, min(until, now + hold_s), hold_s) for serial, until, hold_s in breaker.probes)
        breaker = breaker._replace(probes=probes)
    return breaker


def _move(breaker: Breaker, event: str, reason: str) -> Breaker:
    state = TRANSITIONS.get((breaker.state, event))
    if state is None:
        raise InternalError(f"a breaker that is {breaker.state} cannot take the event {event}")
    return breaker._replace(
        state=state, generation=breaker.generation + 1, reason=reason, buckets=(), passed=0, probes=(),
        failures=0 if state == CLOSED else breaker.failures,
        opened_at=breaker.opened_at if state == HALF_OPEN else 0.0, rest_s=0.0, retry_at=0.0,
        opens=0 if state == CLOSED else breaker.opens,
    )  # fmt: skip


def _open(
    breaker: Breaker, policy: "BreakerPolicy", event: str, reason: str, now: float, draw: float, *, rest_s: float = 0.0
) -> Breaker:
    opened = max(0, breaker.opens - (breaker.state == OPEN))
    grown_s = min(policy.open_for_s * 2.0 ** min(opened, _MAX_DOUBLINGS), policy.cap_s)
    whole_s = rest_s or grown_s * (1 - JITTER_SHARE * draw)
    moved = _move(breaker, event, reason)
    return moved._replace(
        opened_at=now, rest_s=whole_s, retry_at=now + whole_s, opens=opened + 1, forced="", forced_s=0.0
    )


def _counted(breaker: Breaker, outcome: str, now: float, *, is_slow: bool) -> Breaker:
    return breaker._replace(
        total=breaker.total + 1,
        successful=breaker.successful + (outcome == SUCCESS),
        failed=breaker.failed + (outcome == FAILURE),
        slow=breaker.slow + is_slow,
        last_success_at=now if outcome == SUCCESS else breaker.last_success_at,
        last_failure_at=now if outcome == FAILURE else breaker.last_failure_at,
    )


def _noted(
    breaker: Breaker, policy: "BreakerPolicy", outcome: str, kind: str, now: float, draw: float, *, is_slow: bool
) -> Breaker:
    if outcome == IGNORED:
        return breaker
    has_failed = outcome == FAILURE
    kept = live_buckets(breaker.buckets, breaker.width_s, policy, now)
    buckets = add_bucket(kept, (slot_of(now, policy), 1, int(has_failed), int(is_slow)))
    failures = breaker.failures + 1 if has_failed else 0
    breaker = breaker._replace(failures=failures, buckets=buckets, width_s=width_of(policy))
    if has_failed or is_slow:
        return opened_if_due(breaker, policy, now, draw, kind=kind)
    return breaker


def opened_if_due(breaker: Breaker, policy: "BreakerPolicy", now: float, draw: float, *, kind: str = "") -> Breaker:
    """A closed breaker whose newest call failed or was slow: opened where a rule says so."""
    if breaker.forced:
        return breaker
    why = opening(policy, breaker.failures, *totals(breaker.buckets))
    if not why:
        return breaker
    if kind and breaker.failures:
        why += f", the last: {kind}" if breaker.failures > 1 else f": {kind}"
    return _open(breaker, policy, WENT_WRONG, why, now, draw)


def _rejected(breaker: Breaker) -> Breaker:
    return breaker._replace(total=breaker.total + 1, rejected=breaker.rejected + 1)


def _probes(count: int) -> str:
    return f"{count} probe{'s' if count != 1 else ''}"


def _because(breaker: Breaker) -> str:
    return f" ({breaker.reason})" if breaker.reason else ""
