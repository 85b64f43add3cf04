"""health: sweep now; once, again and again, or until all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mgov.cli.options import Context, command
from mgov.cli.past import history_of
from mgov.cli.reports import Reports
from mgov.cli.rows import TRANSITION_COLUMNS, health_columns, health_view
from mgov.cli.sweeping import How, counted, status_of, sweeper
from mgov.cli.tls import CaCert, Cert, Insecure, Key, trust_of
from mgov.cli.view import View
from mgov.errors import UsageError
from mgov.model.gate import GONE
from mgov.model.units import parse_duration, parse_interval, parse_timeout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgov.cli.session import Session
    from mgov.governance.checked import Checked

_Text = str | None
_USUAL_INTERVAL = "10s"


@command(
    "mgov health",
    "mgov health 'ord*' --watch",
    "mgov health http://127.0.0.1:8080/health tcp://127.0.0.1:5432 --wait 60s -- pytest",
    columns=health_columns(),
    watch_columns=TRANSITION_COLUMNS,
    takes_child=True,
)
def health(
    ctx: Context,
    targets: Annotated[
        list[str] | None, typer.Argument(metavar="NAME|GLOB|URL", help="What to look at [every service]")
    ] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Also look at all that the named services need")] = False,
    timeout: Annotated[
        _Text, typer.Option(metavar="DURATION", help="How long one probe may take [its check's]")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(metavar="N", min=1, help="Probes at once, at most")] = None,
    retries: Annotated[
        int | None, typer.Option(metavar="N", min=0, max=10, help="Look again before a failure counts [0]")
    ] = None,
    rise: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Good looks in a row to get better [1]")
    ] = None,
    fall: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Bad looks in a row to get worse [1; with --watch 3]")
    ] = None,
    cached: Annotated[
        _Text, typer.Option(metavar="DURATION", help="Do not look again at what was seen this recently")
    ] = None,
    expect: Annotated[
        list[str] | None, typer.Option(metavar="EXPECTATION", help="What bare URLs must answer, such as status=200")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again and again; piped, one aligned line per change")
    ] = False,
    interval: Annotated[
        _Text, typer.Option(metavar="DURATION", help=f"Between the looks of --watch, about [{_USUAL_INTERVAL}]")
    ] = None,
    count: Annotated[int | None, typer.Option(metavar="N", min=1, help="End --watch after N looks")] = None,
    until_change: Annotated[bool, typer.Option("--until-change", help="End --watch at the first change")] = False,
    on_change: Annotated[
        _Text, typer.Option(metavar="COMMAND", help="Run at each change of --watch")
    ] = None,
    wait: Annotated[
        _Text, typer.Option(metavar="DURATION", help="Look until it is as --for says, at most this long")
    ] = None,
    goal: Annotated[str, typer.Option("--for", metavar="STATUS", help="One of: healthy, degraded, gone")] = "healthy",
    min_healthy: Annotated[_Text, typer.Option(metavar="N|N%", help="With --wait: so many are enough [all]")] = None,
    any_one: Annotated[bool, typer.Option("--any", help="With --wait: one is enough")] = False,
    fail_fast: Annotated[
        int, typer.Option(metavar="N", min=0, help="With --wait: give up when one fails N looks in a row [never]")
    ] = 0,
    stable: Annotated[_Text, typer.Option(metavar="DURATION", help="With --wait: it must stay so this long")] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="With --wait: also wait for what is not registered yet")
    ] = False,
    junit: Annotated[_Text, typer.Option(metavar="FILE", help="Write a JUnit report")] = None,
    textfile: Annotated[_Text, typer.Option(metavar="FILE", help="Write metrics for node_exporter")] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Annotate and summarise for GitHub Actions [there by itself]")
    ] = False,
    insecure: Insecure = False,
    cacert: CaCert = "",
    cert: Cert = "",
    key: Key = "",
) -> View | int:
    """Probe instances or bare URLs now and say which are well: 0 when none is unhealthy, 1 otherwise, 3 for none.

    What is seen is kept in the store, for discover and everybody else. Bare URLs need no store. With --wait it is a
    gate: 5 when time runs out, naming what is in the way; else the command behind -- runs, and its status is returned.

    What --on-change runs finds MGOV_TARGET, MGOV_BEFORE, MGOV_STATUS and MGOV_REASON in its environment.
    """
    session = ctx.obj
    watched = {"--interval": interval, "--count": count, "--until-change": until_change, "--on-change": on_change}
    gated = {
        "--for": goal != "healthy",
        "--min-healthy": min_healthy,
        "--any": any_one,
        "--fail-fast": fail_fast,
        "--stable": stable,
        "--allow-missing": allow_missing,
    }
    _refuse_mixed(session, gated, watched, watch=watch, wait=wait)
    every_s = parse_interval(interval or _USUAL_INTERVAL)
    trust = trust_of(cacert, cert, key, insecure=insecure)
    from mgov.governance.manner import ONE_SHOT, WATCHING, Manner
    from mgov.governance.observed import Thresholds

    manner = Manner(
        parse_timeout(timeout) if timeout is not None else None,
        concurrency=concurrency,
        thresholds=Thresholds(rise, fall),
        usual=WATCHING if watch else ONE_SHOT,
        trust=trust,
        retry_count=retries,
        max_age_s=parse_duration(cached) if cached is not None else None,
        every_s=every_s if watch else None,
    )
    sweep = sweeper(session, targets or [], How(manner, tuple(expect or ()), deep, may_be_empty=goal == GONE))
    reports = Reports(session, junit=junit, textfile=textfile, is_github=github)
    if watch:
        from mgov.cli.child import hook_words
        from mgov.cli.watch import Watch, watch_health

        hook = hook_words(session, on_change, "--on-change") if on_change is not None else ()
        return watch_health(session, sweep, Watch(every_s, count, until_change=until_change, on_change=hook), reports)
    session.out.check_columns(health_columns())
    if wait is not None:
        from mgov.cli.waiting import demand_of, wait_for_health

        wait_s = parse_duration(wait)
        demand = demand_of(goal, min_healthy, stable, any_one=any_one, fail_fast=fail_fast, wait_s=wait_s)
        return wait_for_health(session, sweep, demand, reports, wait_s=wait_s, allow_missing=allow_missing)
    return _answer(session, sweep(), reports)


def _answer(session: Session, results: Sequence[Checked], reports: Reports) -> int:
    """The results, and under them what failed first, what follows from it, and how many are well."""
    try:
        reports.write(results)
    finally:                                    # a report that cannot be written costs nobody the answer
        session.out.show(health_view(results, session.clock.now(), history_of(session)))
    if status_of(results):
        from mgov.cli.causes import tell_causes

        tell_causes(session, results)
    session.out.note(counted(results))
    return status_of(results)


def _refuse_mixed(
    session: Session, gated: Mapping[str, object], watched: Mapping[str, object], *, watch: bool, wait: str | None
) -> None:
    """Raise UsageError for an option that would be passed over in silence."""
    if watch and (wait is not None or session.has_child):
        raise UsageError("--watch goes with neither --wait nor a command behind --")
    given = {} if watch else {flag: "--watch" for flag, value in watched.items() if value}
    if wait is None:
        given |= {flag: "--wait" for flag, value in gated.items() if value}
        given |= {"a command behind --": "--wait"} if session.has_child else {}
    for flag, needed in given.items():
        raise UsageError(f"{flag} goes with {needed}")
