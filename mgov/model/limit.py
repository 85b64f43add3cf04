"""A rate limit: what people ask for, and the rule that keeps it, pure.

The rule is the generic cell rate algorithm in its virtual scheduling form (ITU-T I.371 annex A; ATM Forum Traffic
Management 4.0, section 4.4.2). Of each key one number is kept: its theoretical arrival time, TAT, at which the bucket
is full again. A take of n moves it n intervals on, and passes if it then lies at most `burst` intervals ahead. Times
and intervals are whole nanoseconds, so that nothing is gained by rounding: of any key, at most
`burst + rate x time` pass, where time is how far the clock moved forward.

- A clock that steps back finds the TAT further ahead, and grants nothing until it has caught up. One that lies further
  ahead than an empty bucket's (the clock had jumped forward) counts as an empty bucket, so that no key is blocked for
  longer than its bucket takes to fill.
- A key whose TAT is past is at full burst, the same as one that was never seen, and need not be kept.
- Under another rate a key keeps the number of its tokens that are gone, not the time that they took to come back.
"""

from mgov.errors import UsageError
from mgov.model.names import check_name
from mgov.model.record import NamedTuple
from mgov.model.units import MAX_DURATION_S, format_duration, parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

MAX_PER_S = 1_000_000                           # faster, and rounding the interval up would show in the rate
MAX_COUNT = 1_000_000_000
MAX_KEY_CHARS = 256
_NS = 1_000_000_000


class LimitPolicy(NamedTuple):
    """At most `tokens` in `period_ms` on the long run, and `burst` of them at once."""

    tokens: int
    period_ms: int
    burst: int

    @property
    def interval_ns(self) -> int:
        """The time in which one token comes back; rounded up, so that a limit is never looser than it says."""
        return -(-self.period_ms * 1_000_000 // self.tokens)

    @property
    def rate(self) -> str:
        """The rate as people write it: `100/1m`."""
        return f"{self.tokens}/{format_duration(self.period_ms / 1000)}"


class Decision(NamedTuple):
    """What becomes of a take: whether it passes, how many could follow it at once, after how many nanoseconds it
    would pass, and the TAT to keep (None: the key is at full burst)."""

    allowed: bool
    remaining: int
    retry_after_ns: int
    tat: "int | None"


def decide(policy: LimitPolicy, tat: "int | None", now_ns: int, count: int = 1) -> Decision:
    """Whether `count` tokens may be taken at `now_ns` of a key with `tat`. 0 tokens only look; see `check_count`."""
    tokens, period_ms, burst = policy
    interval = -(-period_ms * 1_000_000 // tokens)
    window = burst * interval
    ahead = 0 if tat is None or tat <= now_ns else tat - now_ns
    if ahead > window:
        ahead = window
    wanted = ahead + count * interval
    if wanted <= window:
        return Decision(True, (window - wanted) // interval, 0, now_ns + wanted if wanted else None)
    return Decision(False, (window - ahead) // interval, wanted - window, now_ns + ahead if ahead else None)


def check_count(policy: LimitPolicy, count: int, key: str) -> int:
    """Return `count` if so many can ever pass at once; else raise UsageError."""
    if count < 1:
        raise UsageError(f"one takes at least 1, not {count}")
    if count > policy.burst:
        raise UsageError(
            f"{str(count)[:40]} of {key} can never pass at once: its burst is {policy.burst}",
            hint="take fewer"
            + (f", or: mgov limit set {split_key(key)[0]} {policy.rate} --burst {count}" if count <= MAX_COUNT else ""),
        )
    return count


def live(tats: "Mapping[str, int]", now_ns: int) -> "dict[str, int]":
    """The keys that are not back at full burst."""
    return {key: tat for key, tat in tats.items() if tat > now_ns}


def rescaled(tats: "Mapping[str, int]", interval_ns: int, policy: LimitPolicy, now_ns: int) -> "dict[str, int]":
    """The keys counted with another interval as `policy` counts them: with as many tokens gone, at most its burst."""
    new = policy.interval_ns
    window = policy.burst * new
    return {
        key: now_ns + min(-(-(tat - now_ns) * new // interval_ns), window)
        for key, tat in tats.items()
        if tat > now_ns
    }


def nanoseconds(now: float) -> int:
    """A time in seconds as whole nanoseconds, to the microsecond: a float of today's seconds holds no more."""
    return round(now * 1_000_000) * 1000


def seconds_up(ns: int) -> float:
    """A wait in seconds, rounded up to the microsecond, so that it is over after it."""
    return -(-ns // 1000) / 1_000_000


def split_key(key: str) -> "tuple[str, str]":
    """`orders:client-7` as the limit's name and what stands behind the colon ('' for `orders`); UsageError."""
    name, colon, rest = key.partition(":")
    check_name(name)
    if not colon:
        return name, ""
    if not rest:
        raise UsageError(f"{key[:80]!r} ends in a colon", hint=f"{name}, or {name}:CLIENT")
    if len(rest) > MAX_KEY_CHARS:
        raise UsageError(f"a key of {name} has {len(rest)} characters, at most {MAX_KEY_CHARS} are kept")
    if any(c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in rest):
        raise UsageError(f"{key[:80]!r} has a control character or a broken one in its key")
    return name, rest


def parse_rate(text: str, burst: "int | None" = None) -> LimitPolicy:
    """The policy of `100/1m` (`5/s` is `5/1s`) and a burst, by default as many as the rate; raise UsageError."""
    number, slash, period = text.strip().partition("/")
    if not slash or not (number.isascii() and number.isdigit()) or not period:
        raise UsageError(f"{text[:40]!r} is not a rate", hint="write it like 100/1m or 5/s")
    if len(number) > 10 or not 1 <= int(number) <= MAX_COUNT:
        raise UsageError(f"{text[:40]!r} is not a rate: from 1 to {MAX_COUNT} may pass in a period")
    try:
        period_ms = round(parse_duration(period if period[0].isdigit() else f"1{period}") * 1000)
    except UsageError as error:
        raise UsageError(f"{text[:40]!r} is not a rate: {error.message}", hint="write it like 100/1m or 5/s") from None
    if period_ms == 0:
        raise UsageError(f"{text[:40]!r} is not a rate: its period is nothing")
    if int(number) * 1000 > period_ms * MAX_PER_S:
        raise UsageError(f"{text[:40]!r} is faster than {MAX_PER_S} a second, which is not counted")
    policy = LimitPolicy(int(number), period_ms, int(number) if burst is None else burst)
    return _check_burst(policy)


def parse_policy(table: "Any") -> LimitPolicy:
    """The policy of a definition's `limit` table, {rate, burst}; raise UsageError naming the key at fault."""
    from mgov.model.tables import refuse_unknown

    if not isinstance(table, dict):
        raise UsageError(f"limit must be a table, not {table!r:.40}", hint='write it like limit = { rate = "100/1m" }')
    try:
        refuse_unknown(table, ("rate", "burst"), "a limit")
        rate, burst = table.get("rate"), table.get("burst")
        if not isinstance(rate, str):
            what = "is missing" if rate is None else f"must be text in quotes, not {rate!r:.40}"
            raise UsageError(f"rate {what}", hint='write it like rate = "100/1m"')
        if burst is not None and type(burst) is not int:
            raise UsageError(f"burst must be a number, not {burst!r:.40}")
        return parse_rate(rate, burst)
    except UsageError as error:
        raise UsageError(f"limit: {error.message}", hint=error.hint) from None


def to_table(policy: LimitPolicy) -> "dict[str, Any]":
    """The table that `parse_policy` reads back to `policy`."""
    return {"rate": policy.rate, "burst": policy.burst}


def _check_burst(policy: LimitPolicy) -> LimitPolicy:
    if not 1 <= policy.burst <= MAX_COUNT:
        raise UsageError(f"burst must be from 1 to {MAX_COUNT}, not {str(policy.burst)[:40]}")
    if policy.burst * policy.interval_ns > MAX_DURATION_S * _NS:
        raise UsageError(f"a burst of {policy.burst} at {policy.rate} takes longer than a year to come back")
    return policy
