"""health --watch: a live table on a terminal, one aligned line per change where nobody watches."""

from __future__ import annotations

from random import random
from typing import TYPE_CHECKING, Any

from mgov.cli.causes import suspicion_of
from mgov.cli.pausing import pause
from mgov.cli.rows import TRANSITION_COLUMNS, health_columns
from mgov.cli.sweeping import status_of
from mgov.cli.text import cells
from mgov.cli.times import time_of
from mgov.cli.view import TABLE, WIDE
from mgov.errors import OK, NotFound
from mgov.model.health import MISSING, STATUSES, jittered
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mgov.cli.reports import Reports
    from mgov.cli.session import Session
    from mgov.cli.sweeping import Sweep
    from mgov.governance.checked import Checked

TICK_S = 0.5
GONE = "gone"
_STATUS_CELLS = max(len(status) for status in STATUSES)


class Watch(NamedTuple):
    """How to watch: every `interval_s` seconds, jittered by `draw`, `most` looks or until told, and what to run at
    each change."""

    interval_s: float
    most: int | None = None
    until_change: bool = False
    on_change: Sequence[str] = ()
    draw: Callable[[], float] = random

    @property
    def pause_s(self) -> float:
        """How long to wait until the next look, another each time."""
        return jittered(self.interval_s, self.draw())


class Change(NamedTuple):
    """One target whose status changed; `result` is None where it is no longer registered."""

    target: str
    before: str | None
    after: str
    result: Checked | None


def watch_health(session: Session, sweep: Sweep, watch: Watch, reports: Reports) -> int:
    """Look again and again; the status is the last look's. Statuses get worse only after three looks in a row.

    In a pipe too the lines are aligned: a log of changes is read by people, unless a format was asked for.
    """
    if not session.out.is_format_asked:
        session.out.format = TABLE
    is_live = session.out.is_terminal and session.out.format in (TABLE, WIDE) and session.environ.get("TERM") != "dumb"
    session.out.check_columns(health_columns() if is_live else TRANSITION_COLUMNS)
    return (_live if is_live else _lines)(session, sweep, watch, reports)


def _looks(
    session: Session,
    sweep: Sweep,
    watch: Watch,
    reports: Reports,
    *,
    before_command: Callable[[], None] = lambda: None,
) -> Iterator[tuple[list[Checked], list[Change], bool]]:
    """Each look: its results, what changed since the one before, and whether it is the last."""
    known: dict[str, str] = {}
    looks = 0
    while True:
        results = _look(sweep, is_first=looks == 0)
        looks += 1
        changes = _changes(known, results)
        has_changed = any(change.before is not None for change in changes)
        is_last = looks == watch.most or (watch.until_change and has_changed)
        reports.write(results, is_last=is_last)
        for change in changes:
            if change.before is not None and watch.on_change:
                before_command()
                _run_on_change(session, watch.on_change, change)
        yield results, changes, is_last


def _look(sweep: Sweep, *, is_first: bool) -> list[Checked]:
    """What goes while it is watched is a change, be it the last one of all; a name that was mistyped is none."""
    try:
        return sweep(may_be_missing=not is_first)
    except NotFound:
        if is_first:
            raise
        return []


def _status(results: Sequence[Checked]) -> int:
    return status_of(results) if results else NotFound.exit_status


def _changes(known: dict[str, str], results: Sequence[Checked]) -> list[Change]:
    found = []
    for result in results:
        before, after = known.get(result.name), result.health.status
        if before != after:
            known[result.name] = after
            found.append(Change(result.name, before, after, result))
    gone = [(target, known.pop(target)) for target in sorted(known.keys() - {result.name for result in results})]
    # What was missing is registered now: its instances are told of, and it itself is not gone.
    return [*found, *(Change(target, before, GONE, None) for target, before in gone if before != MISSING)]


def _run_on_change(session: Session, command: Sequence[str], change: Change) -> None:
    from mgov.cli.child import run_hook

    reason = change.result.health.reason if change.result is not None else ""
    about = {
        "MGOV_TARGET": change.target,
        "MGOV_BEFORE": change.before or "",
        "MGOV_STATUS": change.after,
        "MGOV_REASON": reason,
    }
    run_hook(session, command, about)


def _lines(session: Session, sweep: Sweep, watch: Watch, reports: Reports) -> int:
    widest = 0
    suspicion = ""
    for results, changes, is_last in _looks(session, sweep, watch, reports):
        widest = max([widest, *(cells(session.out.shown(change.target)) for change in changes)])
        for change in changes:
            _emit(session, change, widest)
        before, suspicion = suspicion, suspicion_of(results)
        if suspicion and not before:
            session.out.warn(suspicion)
        if is_last:
            return _status(results)
        pause(session, watch.pause_s)
    return OK


def _emit(session: Session, change: Change, widest: int) -> None:
    """Print one change; `widest` is the width of the longest target so far."""
    result = change.result
    checked_at = result.health.checked_at if result is not None else None
    at = time_of(checked_at if checked_at is not None else session.clock.now())
    reason = result.health.reason if result is not None else "no longer registered"
    service, _, instance = change.target.partition("/") if result is None else (result.service, "", result.instance)
    data: dict[str, Any] = {
        "at": at,
        "service": service or None,
        "instance": instance or None,
        "url": result.url if result is not None else None,
        "before": change.before,
        "status": change.after,
        "reason": reason,
    }
    row = (at, change.target, change.before or "-", change.after, reason)
    widths = (0, widest, _STATUS_CELLS, _STATUS_CELLS, 0)
    session.out.emit(TRANSITION_COLUMNS, row, data, name=change.target, widths=widths)


def _live(session: Session, sweep: Sweep, watch: Watch, reports: Reports) -> int:
    from mgov.cli.livetable import LiveTable

    with LiveTable(session) as table:
        for results, _, is_last in _looks(session, sweep, watch, reports, before_command=table.hide):
            next_at = session.clock.monotonic() + watch.pause_s
            while True:
                left_s = 0.0 if is_last else next_at - session.clock.monotonic()
                table.show(results, left_s)
                if left_s <= 0:
                    break
                session.clock.sleep(min(TICK_S, left_s))
            if is_last:
                return _status(results)
    return OK
