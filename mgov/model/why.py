"""Why a service fails: the root and how it comes to need it, what was seen of it, what changed before, who suffers.

- A failure was seen at its first bad look; it began between that and the last good look before. So what changed is
  looked for from 15 minutes before the last good look, where that is known, to the first bad one.
- What changed at the root comes before what changed elsewhere, and of these the nearest to the failure first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from mgov.model.evidence import Evidence
    from mgov.model.graph import Graph
    from mgov.model.health import Health
    from mgov.model.history import Recent
    from mgov.model.impact import Impact
    from mgov.model.rootcause import Diagnosis
    from mgov.model.standing import Standing

BEFORE_S = 15 * 60.0
WIDEST_S = 24 * 3600.0                          # how far back it goes at most, where nobody looked for long
CONFIG, INSTANCE, SERVICE, MAINTENANCE, BREAKER, HEALTH = (
    "config", "instance", "service", "maintenance", "breaker", "health",
)  # fmt: skip


class Witness(NamedTuple):
    """An instance that is not well, and what the newest look at it saw; None where that was not kept."""

    instance: str
    url: str
    health: Health
    evidence: Evidence | None = None


class Root(NamedTuple):
    """A service that fails first. `path` leads from the asked one to it; `witnesses` are its instances that fail."""

    standing: Standing
    path: tuple[str, ...]
    witnesses: tuple[Witness, ...] = ()


class Event(NamedTuple):
    """Something that changed at `at`: `kind` is the family of what changed, `text` says what in words, `by` who.

    `subject` is the instance, or the environment of a configuration.
    """

    at: float
    service: str
    kind: str
    text: str
    by: str = ""
    subject: str = ""


class Sufferer(NamedTuple):
    """One that depends on the asked service, how, and how it is itself."""

    impact: Impact
    standing: Standing | None


class Window(NamedTuple):
    """The time in which a cause is looked for, in seconds since the epoch."""

    start: float
    end: float

    def __contains__(self, at: object) -> bool:
        return isinstance(at, float | int) and self.start <= at <= self.end


def window_of(since: float, last_well_at: float | None = None) -> Window:
    """When what made something fail may have happened, for a failure that was first seen at `since`."""
    known = since if last_well_at is None else min(since, last_well_at)
    return Window(max(known, since - WIDEST_S) - BEFORE_S, since)


def last_well(recents: Iterable[Recent], since: float) -> float | None:
    """The newest look before `since` that found an instance well; None where none is known."""
    return max(
        (sample.at for recent in recents for sample in recent.samples if sample.is_up and sample.at < since),
        default=None,
    )


def paths_to_roots(graph: Graph, name: str, diagnosis: Diagnosis) -> list[tuple[str, tuple[str, ...]]]:
    """(root, the way from `name` to it) for all that `name` fails, or would fail, because of: over hard edges, the
    nearest first. A root of several in a cycle is each of them."""
    hard = graph.hard()
    found = []
    for cause in diagnosis.causes:
        for root in cause.root:
            way = (name,) if root == name else hard.path(name, root)
            if way:
                found.append((root, way))
    return sorted(found, key=lambda one: (len(one[1]), one[0]))


def ranked(events: Iterable[Event], roots: Collection[str]) -> list[Event]:
    """The events that may explain it: those of the roots first, then the nearest to the failure."""
    return sorted(events, key=lambda event: (event.service not in roots, -event.at, event.service, event.text))


def next_steps(
    name: str,
    roots: Sequence[Root],
    events: Iterable[Event],
    *,
    is_old: bool,
    is_checked: bool = True,
    is_empty: bool = False,
    open_breakers: Collection[str],
) -> list[str]:
    """The commands to type next about `name`, the most useful first; `is_checked` says that the first root has a check
    that can be tried, and does not live by its heartbeats alone, `is_empty` that `name` has no instances."""
    steps = [f"mgov why {name} --now"] if is_old else []
    guarded = [f"mgov breaker show {one}" for one in list(open_breakers)[:1]]
    if not roots:
        return [*steps, *guarded, *([f"mgov register {name} URL"] if is_empty else []), f"mgov graph impact {name}"]
    root = roots[0].standing.service
    if root != name:
        steps.append(f"mgov why {root}")
    steps.append(f"mgov probe {root}" if is_checked else f"mgov show {root}")
    at_root: Mapping[str, Event] = {event.kind: event for event in reversed(list(events)) if event.service == root}
    if CONFIG in at_root:
        environment = at_root[CONFIG].subject
        steps.append(f"mgov config history {root}" + (f" -e {environment}" if environment != "default" else ""))
    if at_root.keys() & {SERVICE, INSTANCE, MAINTENANCE}:
        steps.append(f"mgov history {root} --diff")
    return [*steps, *guarded]
