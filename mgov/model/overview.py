"""The fleet on one screen: what is worst, in which order, and what to type next.

First the services that fail, each root before those that fail because of it and the root with the most of these first;
then those that fail in part, the most of them first. What stands in danger only is counted, not listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.health import HEALTHY, STATUSES, UNHEALTHY
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from mgov.model.rootcause import Diagnosis
    from mgov.model.standing import Standing

RUNNING, SILENT, UNKNOWN = "running", "silent", "unknown"
SILENT_AFTER_INTERVALS = 3
SLOW_LOOK_S = 10.0                              # a look over a large fleet may take that long itself
NEXT_COUNT = 4


class Trouble(NamedTuple):
    """A service that fails, or part of which does. `roots` are those it fails because of, () where it is one itself;
    of a root, how many services fail because of it and how many more would suffer."""

    standing: Standing
    roots: tuple[tuple[str, ...], ...] = ()
    failing_count: int = 0
    endangered_count: int = 0


class Watcher(NamedTuple):
    """Whether somebody looks again and again at what `pattern` matches: `running` when the newest look of a watcher is
    no older than three of its intervals, `silent` when it is, `unknown` where none is known. A watcher that was ended
    just now still counts as running, and one of single services leaves no trace."""

    state: str
    pattern: str = ""
    every_s: float = 0.0
    last_at: float = 0.0


def troubles_of(standings: Mapping[str, Standing], diagnosis: Diagnosis) -> list[Trouble]:
    """All that is not well, worst first."""
    found = []
    by_root = {name: cause for cause in diagnosis.causes for name in cause.root}
    for name, _ in diagnosis.ordered():
        cause = by_root.get(name)
        if cause is not None:
            found.append(Trouble(standings[name], (), len(cause.failing), len(cause.endangered)))
        else:
            found.append(Trouble(standings[name], diagnosis.roots_of[name]))
    partly = [s for s in standings.values() if s.is_troubled and not s.is_failing]
    partly.sort(key=lambda s: (-s.counts.get(UNHEALTHY, 0), s.counts.get(HEALTHY, 0), s.service))
    return [*found, *(Trouble(standing) for standing in partly)]


def watcher_of(looks: Iterable[tuple[str, float, float]], now: float) -> Watcher:
    """The watcher that looked last, of (pattern, interval, when) of each look; a time that lies ahead counts as now."""
    known = [(min(at, now), every_s, pattern) for pattern, every_s, at in looks if every_s > 0]
    if not known:
        return Watcher(UNKNOWN)
    at, every_s, pattern = max(known)
    is_running = now - at <= SILENT_AFTER_INTERVALS * every_s + SLOW_LOOK_S
    return Watcher(RUNNING if is_running else SILENT, pattern, every_s, at)


def totals(standings: Iterable[Standing]) -> dict[str, int]:
    """How many instances have each status; every status is there."""
    counts = dict.fromkeys(STATUSES, 0)
    for standing in standings:
        for status, count in standing.counts.items():
            counts[status] += count
    return counts


def next_steps(
    troubles: Sequence[Trouble],
    *,
    service_count: int,
    instance_count: int,
    is_old: bool,
    is_suspect: bool,
    has_damage: bool,
    watcher: Watcher,
    breakers: Collection[str],
    limits: Collection[str],
) -> list[str]:
    """The commands to type next, the most useful first, at most four.

    `is_old` says that something was not looked at lately; `breakers` and `limits` name those that refuse calls.
    """
    steps = ["mgov store check"] if has_damage else []
    if not service_count:
        return [*steps, "mgov register NAME URL", "mgov apply -f fleet.toml", "mgov import compose FILE"]
    if not instance_count:
        return [*steps, "mgov register NAME URL"]
    roots = [trouble.standing.service for trouble in troubles if not trouble.roots]
    if is_suspect:
        steps.append(f"mgov probe {roots[0]}" if roots else "mgov health")
    steps += [f"mgov why {name}" for name in roots[:2]]
    if is_old:
        steps.append("mgov health")
    steps += [f"mgov breaker show {name}" for name in list(breakers)[:1]]
    steps += [f"mgov limit show {name}" for name in list(limits)[:1]]
    if watcher.state != RUNNING:
        steps.append("mgov health --watch")
    return list(dict.fromkeys(steps))[:NEXT_COUNT]
