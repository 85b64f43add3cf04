"""When a breaker opens, for how long, and what counts: what people own of it, the `[breaker]` table of a service.

    [breaker]
    threshold = 5               # counted failures in a row that open it; 0: they alone never do
    window = "10s"              # what the two rates look back on
    failure_rate = 0.5          # share of failed calls in the window that opens it; 0: never
    slow_call = "2s"            # a call that takes longer is slow; "0s": none is
    slow_rate = 0.5             # share of slow calls in the window that opens it; 0: never
    min_calls = 20              # fewer calls in the window say nothing of a rate
    open_for = "60s"            # the rest after the first opening; it doubles with each further one
    open_cap = "10m"            # and never grows beyond this; not given: ten times open_for
    half_open = 1               # probes under way at once while half-open
    close_after = 1             # probes that must pass in a row to close it
    count = ["refused", "timeout", "reset", "tls", "protocol", "5xx", "error"]    # kinds of failure that count
    ignore = []                 # and those that do not, although their class does: "503"

A failure's kind is a word of `KINDS` or an HTTP status. The status itself is looked for first, then its class; what
neither list names does not count. A kind that no list can name counts as `error`.
"""

from mgov.errors import UsageError
from mgov.model.names import suggest
from mgov.model.record import NamedTuple
from mgov.model.units import format_duration, parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

REFUSED, TIMEOUT, RESET, TLS, PROTOCOL, ERROR = "refused", "timeout", "reset", "tls", "protocol", "error"
CLIENT_ERROR, SERVER_ERROR = "4xx", "5xx"
KINDS = (REFUSED, TIMEOUT, RESET, TLS, PROTOCOL, CLIENT_ERROR, SERVER_ERROR, ERROR)
COUNTED = tuple(kind for kind in KINDS if kind != CLIENT_ERROR)
MAX_COUNT = 1_000_000
MIN_DURATION_S = 0.1
CAP_FACTOR = 10
_DURATIONS = ("window", "slow_call", "open_for", "open_cap")
_RATES = ("failure_rate", "slow_rate")
_COUNTS = {"threshold": 0, "min_calls": 1, "half_open": 1, "close_after": 1}        # and the least that makes sense
_LISTS = {"count": "counted", "ignore": "ignored"}


class BreakerPolicy(NamedTuple):
    """The table above; durations in seconds, rates from 0 to 1, of which 0 switches a rule off.

    `open_cap_s` is 0 where it was not given: see `cap_s`.
    """

    threshold: int = 5
    window_s: float = 10.0
    failure_rate: float = 0.5
    slow_call_s: float = 0.0
    slow_rate: float = 0.5
    min_calls: int = 20
    open_for_s: float = 60.0
    open_cap_s: float = 0.0
    half_open: int = 1
    close_after: int = 1
    counted: "tuple[str, ...]" = COUNTED
    ignored: "tuple[str, ...]" = ()

    @property
    def cap_s(self) -> float:
        """The longest rest, in seconds."""
        return self.open_cap_s or CAP_FACTOR * self.open_for_s

    def counts(self, kind: str) -> bool:
        """Whether a failure of this kind counts; one without a kind does."""
        exact = kind if kind in KINDS or _is_status(kind) else ERROR
        for name in (exact, f"{exact[0]}xx"):
            if name in self.ignored:
                return False
            if name in self.counted:
                return True
        return not kind

    def is_slow(self, latency_s: float) -> bool:
        """Whether a call that took this long is a slow one."""
        return 0 < self.slow_call_s < latency_s


DEFAULT_POLICY = BreakerPolicy()


def parse_breaker_policy(table: "Any") -> BreakerPolicy:
    """The policy in a `[breaker]` table; raise UsageError that names the key at fault."""
    if not isinstance(table, dict):
        raise UsageError(f"breaker must be a table, not {table!r:.40}")
    known = (*_COUNTS, *_DURATIONS, *_RATES, *_LISTS)
    fields: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            near = suggest(str(key), list(known))
            hint = f"did you mean {near}?" if near else None
            raise UsageError(f"a breaker has no key {str(key)!r:.80}", hint=hint)
        fields[_LISTS.get(key, f"{key}_s" if key in _DURATIONS else key)] = _parsed(key, value)
    return _checked(DEFAULT_POLICY._replace(**fields))


def policy_table(policy: BreakerPolicy) -> "dict[str, Any]":
    """The table that `parse_breaker_policy` reads back; what is at its default is left out."""
    keys = {field: key for key, field in _LISTS.items()} | {f"{key}_s": key for key in _DURATIONS}
    found: dict[str, Any] = {}
    for field, default in DEFAULT_POLICY._asdict().items():
        value = getattr(policy, field)
        if value != default:
            key = keys.get(field, field)
            found[key] = list(value) if key in _LISTS else format_duration(value) if key in _DURATIONS else value
    return found


def policy_json(policy: BreakerPolicy) -> "dict[str, Any]":
    """The whole policy as scripts read it: durations in seconds."""
    keys = {field: key for key, field in _LISTS.items()}
    shown = policy._replace(open_cap_s=policy.cap_s)._asdict()
    return {keys.get(key, key): list(value) if key in keys else value for key, value in shown.items()}


def change_policy(before: BreakerPolicy, given: "Mapping[str, Any]") -> BreakerPolicy:
    """`before` with the keys in `given` (as in the table; None was not given) in force instead."""
    changed = {key: value for key, value in given.items() if value is not None}
    return parse_breaker_policy(policy_table(before) | changed)


def parse_rate(text: str) -> float:
    """A share from 0 to 1, written as `0.5` or `50%`."""
    number = text.strip().removesuffix("%")
    try:
        value = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"{text[:40]!r} is not a share", hint="write it like 50% or 0.5")
    return value


def _parsed(key: str, value: "Any") -> "Any":
    if key in _LISTS:
        return _kinds(key, value)
    if key in _COUNTS:
        least = _COUNTS[key]
        if type(value) is not int or not least <= value <= MAX_COUNT:
            raise UsageError(f"breaker.{key} must be a whole number from {least} to {MAX_COUNT}, not {value!r:.40}")
        return value
    if key in _RATES:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise UsageError(f"breaker.{key} must be a number from 0 to 1, not {value!r:.40}")
        return float(value)
    if not isinstance(value, str):
        raise UsageError(f"breaker.{key} must be a duration in quotes, not {value!r:.40}")
    try:
        return parse_duration(value)
    except UsageError as error:
        raise UsageError(f"breaker.{key}: {error.message}", hint=error.hint) from None


def check_kind(text: str, place: str = "") -> str:
    """Return `text` if it is a kind of failure that a list may name; else raise UsageError, saying `place` first."""
    if text in KINDS or _is_status(text):
        return text
    near = suggest(text, list(KINDS))
    listed = f"one of {', '.join(KINDS)}, or a status such as 503"
    raise UsageError(
        f"{place}{text[:40]!r} is no kind of failure", hint=f"did you mean {near}? {listed}" if near else listed
    )


def _kinds(key: str, value: "Any") -> "tuple[str, ...]":
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"breaker.{key} must be a list of kinds of failure, not {value!r:.40}")
    for item in value:
        check_kind(item, f"breaker.{key}: ")
    return tuple(dict.fromkeys(value))


def _checked(policy: BreakerPolicy) -> BreakerPolicy:
    for field in ("window", "open_for"):
        seconds = getattr(policy, f"{field}_s")
        if seconds < MIN_DURATION_S:
            raise UsageError(f"breaker.{field} is at least {format_duration(MIN_DURATION_S)}, not "
                             f"{format_duration(seconds)}")  # fmt: skip
    if policy.open_cap_s and policy.open_cap_s < policy.open_for_s:
        raise UsageError(f"breaker.open_cap ({format_duration(policy.open_cap_s)}) is shorter than open_for "
                         f"({format_duration(policy.open_for_s)})")  # fmt: skip
    return policy


def _is_status(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdigit() and text[0] in "45"
