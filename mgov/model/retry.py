"""Retrying: what may be sent again, after which pause, and how often. The clock and the draw are handed in.

A failed attempt is repeated when all of this holds:

- the failure may pass: no connection, a reset, a timeout, 502, 503, 504, or 429 that says when to come back;
- nothing is done twice by it: the method is idempotent (RFC 9110 section 9.2.2), or the caller says that the request
  may be repeated, or the request never left;
- retries, time and the retry budget are left.

The pause is drawn evenly between nothing and an exponentially growing bound ("full jitter": M. Brooker, Exponential
Backoff and Jitter, 2015). A Retry-After binds us to the instance that gave it; another one is not made to wait.

The budget keeps retries from multiplying an outage: each call earns a fifth of a retry, each retry costs a whole one,
and an account that is never short of a floor lets a quiet program retry too. A request that never left has loaded
nobody: sending it elsewhere is no more than the call itself, and free.
"""

from mgov.model.measurement import CLOSED, DNS, REFUSED, RESET, TIMEOUT, TLS, UNREACHABLE
from mgov.model.record import NamedTuple

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
PASSING_STATUSES = frozenset({502, 503, 504})
PASSING_ERRORS = frozenset({DNS, REFUSED, UNREACHABLE, TIMEOUT, RESET, CLOSED, TLS})
TOO_MANY = 429

RETRY_COUNT = 3
BASE_PAUSE_S = 1.0
MOST_PAUSE_S = 20.0

EARNED_BY_CALL = 0.2                            # retries are at most a fifth of the calls, in the long run
FLOOR_TOKENS = 10.0
EARNED_A_SECOND = 1.0                           # up to the floor: a program that calls rarely may retry all the same
MOST_TOKENS = 100.0

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HALF_A_CENTURY = 50


class Attempt(NamedTuple):
    """One try of a call on one instance.

    `error` is '' when an answer came, else one of `model.measurement.ERRORS`, with `detail` in words; then
    `status_code` is None. `breaker` is the state that the instance's breaker was in, '' when none was asked.
    `retry_after_s` is what the answer asked for, in seconds from then. `was_sent` is False when the request surely
    never reached the instance.
    """

    number: int
    instance: str
    url: str
    status_code: "int | None" = None
    error: str = ""
    detail: str = ""
    latency_ms: float = 0.0
    breaker: str = ""
    retry_after_s: "float | None" = None
    was_sent: bool = True

    @property
    def words(self) -> str:
        """What came of it, in a few words."""
        return self.detail or self.error or f"HTTP {self.status_code}"


class Account(NamedTuple):
    """A retry budget: how many retries are left, and when (monotonic seconds) that was so."""

    tokens: float
    at: float


def has_failed(attempt: Attempt) -> bool:
    """Whether no answer came, or one that says that it is none."""
    return bool(attempt.error) or (attempt.status_code or 0) >= 400


def is_passing(attempt: Attempt) -> bool:
    """Whether the failure may be gone at the next try; False for a success too."""
    if attempt.error:
        return attempt.error in PASSING_ERRORS
    if attempt.status_code == TOO_MANY:
        return attempt.retry_after_s is not None
    return attempt.status_code in PASSING_STATUSES


def may_repeat(attempt: Attempt, method: str, *, is_repeatable: bool) -> bool:
    """Whether sending `method` again after `attempt` can do nothing twice; `is_repeatable` is the caller's word."""
    return is_repeatable or method in IDEMPOTENT or not attempt.was_sent


def pause_s(retry: int, draw: float, *, wait_s: "float | None" = None) -> float:
    """Seconds to wait before retry number `retry` (from 1), for a `draw` in [0, 1).

    `wait_s` is the Retry-After that binds us, or None.
    """
    jittered = draw * min(MOST_PAUSE_S, BASE_PAUSE_S * 2.0 ** min(retry - 1, 32))
    return max(jittered, wait_s or 0.0)


def time_for(timeout_s: float, *, now: float, deadline_at: float) -> float:
    """Seconds that an attempt which starts at `now` may take: its own timeout, and never past the deadline."""
    return min(timeout_s, deadline_at - now)


def open_account(now: float) -> Account:
    """A budget at its floor."""
    return Account(FLOOR_TOKENS, now)


def earn(account: Account, now: float) -> Account:
    """The account after one more call."""
    tokens = _refilled(account, now)
    return Account(max(tokens, min(MOST_TOKENS, tokens + EARNED_BY_CALL)), now)


def spend(account: Account, now: float) -> "Account | None":
    """The account after one retry, or None where it cannot be paid."""
    tokens = _refilled(account, now)
    return Account(tokens - 1.0, now) if tokens >= 1.0 else None


def _refilled(account: Account, now: float) -> float:
    tokens = account.tokens
    if tokens >= FLOOR_TOKENS:
        return tokens
    return min(FLOOR_TOKENS, tokens + EARNED_A_SECOND * max(0.0, now - account.at))


def parse_retry_after(text: str, *, now: float) -> "float | None":
    """Seconds from `now` (since the epoch) that a Retry-After means, in either form of RFC 9110 section 10.2.3.

    None for what is neither; a time that has passed is 0.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    at = parse_http_date(text, now=now)
    return None if at is None else max(0.0, at - now)


def parse_http_date(text: str, *, now: float) -> "float | None":
    """Seconds since the epoch of an HTTP-date in any of the three forms of RFC 9110 section 5.6.7, else None."""
    words = text.replace(",", " ").replace("-", " ").split()
    if len(words) == 6 and words[5] == "GMT":
        _, day, month, year, clock, _ = words
    elif len(words) == 5:                       # asctime
        _, month, day, clock, year = words
    else:
        return None
    numbers = (day, year, *clock.split(":"))
    if month not in _MONTHS or len(year) not in (2, 4) or not all(n.isascii() and n.isdigit() for n in numbers):
        return None
    from datetime import UTC, datetime

    try:
        hour, minute, second = (int(part) for part in clock.split(":"))
        full = int(year) if len(year) == 4 else _full_year(int(year), datetime.fromtimestamp(now, UTC).year)
        moment = datetime(full, _MONTHS.index(month) + 1, int(day), hour, minute, min(second, 59), tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment.timestamp()


def _full_year(two_digits: int, this_year: int) -> int:
    """The year that a two-digit one means: more than fifty years ahead is the past."""
    year = this_year - this_year % 100 + two_digits
    return year - 100 if year > this_year + _HALF_A_CENTURY else year
