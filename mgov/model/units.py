"""Durations and sizes as people write them, and times as scripts read them.

Inside mgov a duration is a float of seconds and a time a float of seconds since the Unix epoch, UTC.
"""

from mgov.errors import UsageError

_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"k": 2**10, "m": 2**20, "g": 2**30}
MAX_DURATION_S = 366 * 86400.0
MIN_INTERVAL_S = 0.1
_TIMES = (-62135596800.0, 253402300799.0)       # the years 1 to 9999 in UTC, which is all that RFC 3339 can write


def parse_duration(text: str) -> float:
    """Seconds, to the millisecond, in `500ms`, `10s`, `2m`, `1h30m`, `7d`; a bare number is refused: it has no unit."""
    total, number, rest = 0.0, "", text.strip()
    seen = False
    i = 0
    while i < len(rest):
        c = rest[i]
        if c.isascii() and (c.isdigit() or c == "."):
            number += c
            i += 1
            continue
        unit = "ms" if rest.startswith("ms", i) else c
        if unit not in _UNIT_S or not number or number.count(".") > 1 or number == ".":
            break
        total += float(number) * _UNIT_S[unit]
        number, seen, i = "", True, i + len(unit)
    if number or i < len(rest) or not seen:
        hint = f"{rest}s" if rest.isascii() and rest.isdigit() else "write it like 500ms, 10s, 2m or 1h30m"
        raise UsageError(f"{text[:40]!r} is not a duration", hint=hint)
    if total > MAX_DURATION_S:
        raise UsageError(f"{text[:40]!r} is longer than a year")
    return round(total, 3)


def parse_interval(text: str) -> float:
    """As `parse_duration`, for how often something is done: at least 100ms, so that nothing spins."""
    seconds = parse_duration(text)
    if seconds < MIN_INTERVAL_S:
        raise UsageError(f"an interval is at least {format_duration(MIN_INTERVAL_S)}, not {text[:40]}")
    return seconds


def parse_timeout(text: str) -> float:
    """As `parse_duration`, for how long something may take: some time at least."""
    seconds = parse_duration(text)
    if not seconds:
        raise UsageError(f"a timeout is at least 1ms, not {text[:40]}")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads back as `seconds`, to the millisecond: `90s` is `1m30s`."""
    ms = round(seconds * 1000)
    if ms < 1000:
        return f"{ms}ms" if ms else "0s"
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count}{unit}")
    if ms:
        parts.append(f"{ms / 1000:.3f}".rstrip("0").rstrip(".") + "s")
    return "".join(parts)


def parse_size(text: str) -> int:
    """Bytes in `65536`, `64KiB`, `16MiB` or `1GiB`; k, M and G alone mean the same."""
    words = text.strip().lower().removesuffix("ib").removesuffix("b")
    factor = _SIZES.get(words[-1:], 1)
    number = words[:-1] if factor > 1 else words
    if not (number.isascii() and number.isdigit() and len(number) <= 15):
        raise UsageError(f"{text[:40]!r} is not a size", hint="write it like 65536, 64KiB or 16MiB")
    return int(number) * factor


def format_size(size_bytes: int) -> str:
    """The shortest text that `parse_size` reads back as that many bytes."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size_bytes and size_bytes % factor == 0:
            return f"{size_bytes // factor}{unit}"
    return str(size_bytes)


def format_age(seconds: float) -> str:
    """How long ago, for a person: one unit, rounded down, never negative: `4s`, `12m`, `3h`, `9d`."""
    seconds = max(0.0, seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size * (2 if unit == "d" else 1):
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def format_time(at: float) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-01-02T03:04:05.678Z`."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time with an offset; raise UsageError on anything else."""
    from datetime import datetime

    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text[:40]!r} is not an RFC 3339 time", hint="write it like 2026-01-02T03:04:05Z") from None
    if at.tzinfo is None:
        raise UsageError(f"{text[:40]!r} has no time zone", hint=f"{text[:40]}Z for UTC")
    seconds = at.timestamp()
    if not _TIMES[0] <= seconds <= _TIMES[1]:
        raise UsageError(f"{text[:40]!r} is outside the years 1 to 9999 in UTC")
    return seconds


def parse_until(text: str, now: float) -> float:
    """The moment that `text` names: a duration from `now`, or an RFC 3339 time that is still to come."""
    try:
        return now + parse_duration(text)
    except UsageError:
        if text[4:5] != "-":                            # it does not begin like a date either
            hint = "write it like 2h or 2026-01-02T03:04:05Z"
            raise UsageError(f"{text[:40]!r} is neither a duration nor an RFC 3339 time", hint=hint) from None
        at = parse_time(text)
    if at <= now:
        raise UsageError(f"{text} has passed already")
    return at
