"""status: the whole fleet on one screen, once or again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mgov.cli.options import Context, command
from mgov.cli.pausing import pause
from mgov.cli.statusview import STATUS_COLUMNS, status_json, status_rows, status_screen
from mgov.cli.view import JSON, JSONL, TABLE, View
from mgov.errors import NO, OK, StoreError, UsageError
from mgov.model.units import parse_interval

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mgov.cli.session import Session
    from mgov.governance.overview import Status

TICK_S = 0.5
OVER = "over"                                   # what a row's state becomes when the row is no longer there


@command("mgov status", "mgov status --watch", "mgov status --exit-code -o json", columns=STATUS_COLUMNS)
def status(
    ctx: Context,
    watch: Annotated[bool, typer.Option("--watch", help="Look into the store again and again; piped, what changed")] = (
        False
    ),
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 1 when an instance is unhealthy")] = False,
    interval: Annotated[str, typer.Option(metavar="DURATION", help="Between the looks of --watch")] = "2s",
    count: Annotated[int | None, typer.Option(metavar="N", min=1, help="End --watch after N looks")] = None,
) -> View | int:
    """Show the fleet on one screen: counts, what is worst and why, breakers, limits, configurations, what to type next.

    It reads the store and probes nothing: how old the newest sweep is stands there, and whether a watcher runs.
    """
    session = ctx.obj

    def code_of(known: Status) -> int:
        return NO if exit_code and known.is_unhealthy else OK

    if watch:
        return _watched(session, parse_interval(interval), count, code_of)
    if count is not None:
        raise UsageError("--count goes with --watch")
    return _view(session, known := session.platform().status())._replace(status=code_of(known))


def _view(session: Session, known: Status) -> View:
    return View(
        STATUS_COLUMNS,
        lambda: status_rows(known),
        lambda: status_json(known),
        names=[trouble.standing.service for trouble in known.troubles],
        extras={TABLE: lambda: status_screen(known, session.out)},
    )


def _watched(session: Session, interval_s: float, most: int | None, code_of: Callable[[Status], int]) -> int:
    is_live = session.out.is_terminal and session.out.format == TABLE and session.environ.get("TERM") != "dumb"
    known = (_live if is_live else _lines)(session, interval_s, most)
    return code_of(known) or (StoreError.exit_status if known.damaged else OK)


def _lines(session: Session, interval_s: float, most: int | None) -> Status:
    """Print each row when it is new or has changed, and a row that is gone as over; JSON is one line per look."""
    before: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    looks = 0
    while True:
        known = session.platform().status()
        if session.out.format in (JSON, JSONL):
            session.out.emit(STATUS_COLUMNS, (), status_json(known))
        else:
            rows = {tuple(row[:2]): row for row in status_rows(known)}
            over = [(*key, OVER, None, "", "") for key in before if key not in rows]
            for row in [*over, *(row for key, row in rows.items() if before.get(key) != row)]:
                session.out.emit(STATUS_COLUMNS, row)
            before = rows
        looks += 1
        if looks == most:
            return known
        pause(session, interval_s)


def _live(session: Session, interval_s: float, most: int | None) -> Status:
    from mgov.cli.livestatus import LiveStatus

    with LiveStatus(session) as screen:
        looks = 0
        while True:
            known = session.platform().status()
            looks += 1
            next_at = session.clock.monotonic() + interval_s
            while (left_s := 0.0 if looks == most else next_at - session.clock.monotonic()) > 0:
                screen.show(known, left_s)
                session.clock.sleep(min(TICK_S, left_s))
            screen.show(known, left_s)
            if looks == most:
                return known
