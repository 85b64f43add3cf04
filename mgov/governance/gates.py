"""Waiting until a fleet is as it should be: look, judge, look again, until the gate opens, shuts or time is up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mgov.errors import NotFound
from mgov.model.gate import OPEN, WAITING, Demand, Look, Progress, Ruling, rule
from mgov.model.health import MISSING
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgov.clock import Clock
    from mgov.governance.checked import Checked

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0
SHORTEST_PROBE_S = 0.05


class Passage(NamedTuple):
    """How the wait ended: the last ruling, what was last seen, how often it was looked, and how long it took."""

    ruling: Ruling
    results: list[Checked]
    look_count: int
    waited_s: float
    missing: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the pipeline may go on."""
        return self.ruling.state == OPEN

    @property
    def is_late(self) -> bool:
        """Whether time ran out, rather than that it was given up early."""
        return self.ruling.state == WAITING


class Sweep(Protocol):
    """Look once; no probe takes longer than `most_s` seconds. NotFound for a name that nothing has, unless it
    `may_be_missing`, and where there is nothing to look at."""

    def __call__(self, most_s: float, *, may_be_missing: bool) -> list[Checked]: ...


def wait(
    sweep: Sweep,
    demand: Demand,
    *,
    clock: Clock,
    wait_s: float,
    allow_missing: bool = False,
    on_look: Callable[[Ruling], None] | None = None,
) -> Passage:
    """Look until `demand` is met, `wait_s` seconds at most.

    NotFound from the first look ends it at once, for a name may be mistyped, unless `allow_missing`: then that is
    waited for too. What goes later is missing: a deployment may be replacing it, or it is what `gone` waits for.
    The pauses grow from 0.2 s to 2 s and are never longer than what `demand.stable_s` or the time left asks for.
    """
    began = clock.monotonic()
    progress, pause_s, count = Progress(), FIRST_PAUSE_S, 0
    while True:
        left_s = began + wait_s - clock.monotonic()
        results, missing = _look(sweep, max(left_s, SHORTEST_PROBE_S), may_be_missing=allow_missing or count > 0)
        count += 1
        ruling = rule(demand, [_seen(result) for result in results], progress, now=clock.monotonic())
        progress = ruling.progress
        if on_look is not None:
            on_look(ruling)
        waited_s = clock.monotonic() - began
        if ruling.state != WAITING or waited_s >= wait_s:
            return Passage(ruling, results, count, waited_s, missing)
        clock.sleep(max(0.0, min(pause_s, wait_s - waited_s, _until_stable(demand, ruling, clock))))
        pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)


def _look(sweep: Sweep, most_s: float, *, may_be_missing: bool) -> tuple[list[Checked], str]:
    try:
        return sweep(most_s, may_be_missing=may_be_missing), ""
    except NotFound as error:
        if not may_be_missing:
            raise
        return [], error.message


def _until_stable(demand: Demand, ruling: Ruling, clock: Clock) -> float:
    since = ruling.progress.met_since
    return LONGEST_PAUSE_S if since is None else max(0.01, since + demand.stable_s - clock.monotonic())


def _seen(result: Checked) -> Look:
    is_unknown = result.is_local and result.health.status != MISSING
    return Look(result.name, "unknown" if is_unknown else result.health.status, result.health.reason)


def unmet_lines(looks: Sequence[Look]) -> list[str]:
    """One line per target in the way: who, how it is, why."""
    return [f"{look.target} is {look.status}" + (f": {look.reason}" if look.reason else "") for look in looks]
