"""Debouncing: a burst of changes is told once, when it has been quiet for a while, and not put off for ever."""

from mgov.errors import UsageError
from mgov.model.record import NamedTuple
from mgov.model.units import parse_duration

LONGEST_FACTOR = 5                              # of the quiet time, where the longest wait is not said


class Quiesce(NamedTuple):
    """Tell after `quiet_s` seconds without a change, and at most `longest_s` after the first."""

    quiet_s: float
    longest_s: float

    def due_at(self, first_at: float, last_at: float) -> float:
        """When a burst whose first and last change (so far) came at these times is to be told."""
        return min(last_at + self.quiet_s, first_at + self.longest_s)


def parse_quiesce(text: str) -> Quiesce:
    """`1s:5s`, or `1s` for five times as long at the most; raise UsageError."""
    quiet, colon, longest = text.partition(":")
    quiet_s = parse_duration(quiet)
    longest_s = parse_duration(longest) if colon else LONGEST_FACTOR * quiet_s
    if longest_s < quiet_s:
        raise UsageError(f"{text[:40]!r} waits no longer than {longest} for {quiet} of quiet", hint="such as 1s:5s")
    return Quiesce(quiet_s, longest_s)
