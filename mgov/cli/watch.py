"""health --watch: a live table on a terminal, one line per change where nobody watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.cli.health import counted, status_of
from mgov.cli.output import TABLE, Column
from mgov.cli.rows import health_view, style, time_of
from mgov.model.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgov.cli.session import Session
    from mgov.governance.monitor import Checked

    Sweep = Callable[[], list[Checked]]

TICK_S = 0.5
GONE = "gone"
CHANGE_COLUMNS = (
    Column("at"),
    Column("target"),
    Column("before", style=style),
    Column("status", style=style),
    Column("reason"),
)


def watch_health(session: Session, sweep: Sweep, *, interval_s: float, count: int | None) -> int:
    """Look every `interval_s` seconds, `count` times or until interrupted; the status is the last look's."""
    if session.out.is_terminal and session.out.format == TABLE and session.environ.get("TERM") != "dumb":
        return _live(session, sweep, interval_s, count)
    return _lines(session, sweep, interval_s, count)


def _lines(session: Session, sweep: Sweep, interval_s: float, count: int | None) -> int:
    known: dict[str, str] = {}
    looks = 0
    while True:
        results = sweep()
        looks += 1
        for result in results:
            target = _target(result)
            before, after = known.get(target), result.health.status
            if before != after:
                known[target] = after
                _emit(session, result, before)
        for target in known.keys() - {_target(result) for result in results}:
            _emit_gone(session, target, known.pop(target))
        if count is not None and looks >= count:
            return status_of(results)
        session.clock.sleep(interval_s)


def _emit(session: Session, result: Checked, before: str | None) -> None:
    health = result.health
    at = time_of(health.checked_at if health.checked_at is not None else session.clock.now())
    row = (at, _target(result), before or "-", health.status, health.reason)
    data: dict[str, Any] = {
        "at": at,
        "service": result.service or None,
        "instance": result.instance or None,
        "url": result.url,
        "before": before,
        "status": health.status,
        "reason": health.reason,
    }
    session.out.emit(CHANGE_COLUMNS, row, data)


def _emit_gone(session: Session, target: str, before: str) -> None:
    at, reason = time_of(session.clock.now()), "no longer registered"
    service, _, instance = target.partition("/")
    row = (at, target, before, GONE, reason)
    data = {"at": at, "service": service, "instance": instance, "url": None, "before": before, "status": GONE,
            "reason": reason}
    session.out.emit(CHANGE_COLUMNS, row, data)


def _target(result: Checked) -> str:
    return f"{result.service}/{result.instance}" if result.service else result.url


def _live(session: Session, sweep: Sweep, interval_s: float, count: int | None) -> int:
    from rich.console import Console
    from rich.live import Live

    console = Console(file=session.out.stdout, highlight=False, markup=False, emoji=False)
    looks = 0
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            results = sweep()
            looks += 1
            is_last = count is not None and looks >= count
            next_at = session.clock.monotonic() + interval_s
            while True:
                left_s = 0.0 if is_last else next_at - session.clock.monotonic()
                live.update(_screen(session, results, left_s, console.size.height), refresh=True)
                if left_s <= 0:
                    break
                session.clock.sleep(min(TICK_S, left_s))
            if is_last:
                return status_of(results)


def _screen(session: Session, results: Sequence[Checked], left_s: float, height: int) -> Any:
    from rich.text import Text

    # The failing come first, for a table that is longer than the screen shows its beginning.
    ranked = sorted(results, key=lambda result: not result.is_failing)
    room = max(1, height - 4)
    text = session.out.render(health_view(ranked[:room], session.clock.now()))
    more = f", {len(ranked) - room} more not shown" if len(ranked) > room else ""
    foot = f"{counted(results)}{more}"
    if left_s > 0:
        foot += f"; next look in {format_duration(round(left_s) or 1)}, Ctrl-C ends"
    return Text.from_ansi(f"{text}\n{foot}", no_wrap=True, overflow="crop")
