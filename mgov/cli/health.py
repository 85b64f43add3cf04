"""health: sweep now, once or again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mgov.cli.options import Context, command
from mgov.cli.output import View
from mgov.cli.rows import health_columns, health_view
from mgov.errors import NO, OK, NotFound, UsageError
from mgov.model.health import DEFAULT_TIMEOUT_S, HEALTHY
from mgov.model.units import parse_duration, parse_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgov.cli.session import Session
    from mgov.governance.monitor import Checked


@command(
    "mgov health",
    "mgov health 'ord*' --watch",
    "mgov health http://127.0.0.1:8080/health tcp://127.0.0.1:5432",
    columns=health_columns(),
)
def health(
    ctx: Context,
    targets: Annotated[
        list[str] | None, typer.Argument(metavar="NAME|GLOB|URL", help="What to look at [every service]")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How long one probe may take [its check's]")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(metavar="N", min=1, help="Probes at once, at most")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again; piped, one line per change")] = False,
    interval: Annotated[str, typer.Option(metavar="DURATION", help="How often --watch looks")] = "10s",
    count: Annotated[int | None, typer.Option(metavar="N", min=1, help="End --watch after N looks")] = None,
) -> View | int:
    """Probe instances or bare URLs now and say which are well: 0 when none is unhealthy, 1 otherwise, 3 for none.

    What is seen is kept in the store, for discover and everybody else. Bare URLs need no store.
    """
    session = ctx.obj
    sweep = sweeper(
        session,
        targets or [],
        timeout_s=parse_duration(timeout) if timeout is not None else None,
        concurrency=concurrency,
    )
    if watch:
        from mgov.cli.watch import watch_health

        return watch_health(session, sweep, interval_s=parse_interval(interval), count=count)
    if count is not None:
        raise UsageError("--count goes with --watch")
    results = sweep()
    return health_view(results, session.clock.now())._replace(status=status_of(results), summary=counted(results))


def sweeper(
    session: Session, targets: Sequence[str], *, timeout_s: float | None, concurrency: int | None
) -> Callable[[], list[Checked]]:
    """The function that looks once at everything named; it raises NotFound when there is nothing to look at."""
    urls = [target for target in targets if "://" in target]
    names = [target for target in targets if "://" not in target]
    for name in names:
        if ":" in name or "/" in name:
            raise UsageError(f"{name[:80]!r} is neither a service nor a URL", hint=f"a URL is http://{name[:80]}")

    def sweep() -> list[Checked]:
        results: list[Checked] = []
        if names or not urls:
            results += session.platform().monitor.sweep(names, timeout_s=timeout_s, concurrency=concurrency)
        if urls:
            from mgov.governance.monitor import check_urls

            results += check_urls(
                urls, clock=session.clock, timeout_s=timeout_s or DEFAULT_TIMEOUT_S, concurrency=concurrency
            )
        if not results:
            what = f"{', '.join(names)} has no instances" if names else "no instance is registered"
            raise NotFound(f"nothing to check: {what}", hint="mgov register NAME URL")
        return results

    return sweep


def status_of(results: Sequence[Checked]) -> int:
    """1 when anything is unhealthy or could not be probed, else 0."""
    return NO if any(result.is_failing for result in results) else OK


def counted(results: Sequence[Checked]) -> str:
    """How many are well, in words."""
    counts: dict[str, int] = {}
    for result in results:
        counts[result.health.status] = counts.get(result.health.status, 0) + 1
    others = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()) if status != HEALTHY)
    return f"{counts.get(HEALTHY, 0)} of {len(results)} healthy" + (f"; {others}" if others else "")
