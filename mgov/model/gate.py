"""The gate: may the pipeline go on? Judged after each look, from what was seen and for how long it has been so.

A target is met when its status is at least what is waited for: `healthy` (also declared: it opted out of checks),
`degraded` (healthy or degraded), or `gone` (unhealthy, or not registered). Maintenance meets nothing but `gone`.
A gate opens when enough targets are met at every look of `stable_s` seconds; it shuts for good when one target was
unmet at `fail_fast` looks in a row; what is not registered yet has not failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import UsageError
from mgov.model.health import DECLARED, DEGRADED, HEALTHY, MAINTENANCE, MISSING, UNHEALTHY
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GONE = "gone"
GOALS = (HEALTHY, DEGRADED, GONE)
_MEETS = {
    HEALTHY: (HEALTHY, DECLARED),
    DEGRADED: (HEALTHY, DECLARED, DEGRADED),
    GONE: (UNHEALTHY, MAINTENANCE, MISSING),
}
OPEN, SHUT, WAITING = "open", "shut", "waiting"


class Demand(NamedTuple):
    """What the gate waits for. `at_least` is a count, `share` a share of the targets; neither: all of them.

    `fail_fast` is 0 for never; `stable_s` is in seconds.
    """

    goal: str = HEALTHY
    at_least: int | None = None
    share: float | None = None
    fail_fast: int = 0
    stable_s: float = 0.0

    def needed(self, count: int) -> int:
        """How many of `count` targets must be met; at least one."""
        if self.at_least is not None:
            return self.at_least
        if self.share is not None:
            whole = self.share * count
            return max(1, int(whole) + (whole > int(whole)))
        return max(1, count)


class Progress(NamedTuple):
    """How far a gate is: since when enough are met (None: they are not), and unmet looks in a row by target."""

    met_since: float | None = None
    misses: Mapping[str, int] = {}


class Look(NamedTuple):
    """One target at one look."""

    target: str
    status: str
    reason: str = ""


class Ruling(NamedTuple):
    """The gate after a look: `state` is open, shut or waiting; `unmet` are the targets in the way."""

    state: str
    progress: Progress
    met_count: int
    needed: int
    unmet: tuple[Look, ...]


def parse_goal(text: str) -> str:
    """Return `text` if it can be waited for."""
    if text in GOALS:
        return text
    raise UsageError(f"--for takes {', '.join(GOALS[:-1])} or {GONE}, not {text[:40]!r}")


def parse_minimum(text: str) -> tuple[int | None, float | None]:
    """(count, share) of `2` or `50%`; one of them is None."""
    number = text.removesuffix("%")
    if number.isascii() and number.isdigit() and int(number) > 0:
        if number == text:
            return int(number), None
        if int(number) <= 100:
            return None, int(number) / 100
    raise UsageError(f"--min-healthy takes a count or a share, not {text[:40]!r}", hint="such as 2 or 50%")


def rule(demand: Demand, looks: Sequence[Look], progress: Progress, *, now: float) -> Ruling:
    """The gate after `looks` (one per target) at `now` (seconds on any clock that does not step back)."""
    meets = _MEETS[demand.goal]
    unmet = tuple(look for look in looks if look.status not in meets)
    met_count = len(looks) - len(unmet)
    needed = demand.needed(len(looks))
    if demand.goal == GONE and not looks:
        met_count = needed
    misses = {look.target: progress.misses.get(look.target, 0) + 1 for look in unmet if look.status != MISSING}
    is_enough = met_count >= needed
    since = (progress.met_since if progress.met_since is not None else now) if is_enough else None
    after = Progress(since, misses)
    if since is not None and now - since >= demand.stable_s:
        return Ruling(OPEN, after, met_count, needed, unmet)
    if demand.fail_fast and not is_enough and any(count >= demand.fail_fast for count in misses.values()):
        return Ruling(SHUT, after, met_count, needed, unmet)
    return Ruling(WAITING, after, met_count, needed, unmet)
