"""breaker set: the policy of a service's breakers, and what holds one open, closed or off by hand."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mgov.cli.breaker import InstanceOption, Name
from mgov.cli.options import Context, command
from mgov.cli.rows import OUTCOME_COLUMNS, outcomes_view
from mgov.cli.view import View
from mgov.errors import UsageError
from mgov.governance.outcomes import UNCHANGED
from mgov.model.breaker_policy import COUNTED, parse_rate
from mgov.model.units import parse_until

_Text = str | None


@command(
    "mgov breaker set payments --threshold 3 --open-for 30s --slow-call 2s",
    "mgov breaker set payments --force open --until 2h --reason 'bad release'",
    "mgov breaker set payments --force none",
    columns=OUTCOME_COLUMNS,
)
def set_(
    ctx: Context,
    name: Name,
    instance: InstanceOption = None,
    threshold: Annotated[
        int | None, typer.Option(metavar="N", help="Failures in a row that open it [5]; 0: they never do")
    ] = None,
    window: Annotated[_Text, typer.Option(metavar="DURATION", help="What the rates look back on [10s]")] = None,
    failure_rate: Annotated[
        _Text, typer.Option(metavar="SHARE", help="Failed calls in the window that open it [50%]; 0: never")
    ] = None,
    slow_call: Annotated[
        _Text, typer.Option(metavar="DURATION", help="A call that takes longer is slow [0s: none is]")
    ] = None,
    slow_rate: Annotated[
        _Text, typer.Option(metavar="SHARE", help="Slow calls in the window that open it [50%]; 0: never")
    ] = None,
    min_calls: Annotated[int | None, typer.Option(metavar="N", help="Fewer say nothing of a rate [20]")] = None,
    open_for: Annotated[
        _Text, typer.Option(metavar="DURATION", help="How long it rests [60s], doubled each time it opens again")
    ] = None,
    open_cap: Annotated[
        _Text, typer.Option(metavar="DURATION", help="How long at most [ten times --open-for]")
    ] = None,
    half_open: Annotated[int | None, typer.Option(metavar="N", help="Probes at once while half-open [1]")] = None,
    close_after: Annotated[int | None, typer.Option(metavar="N", help="Passed probes that close it [1]")] = None,
    count: Annotated[
        _Text, typer.Option(metavar="KIND,KIND", help=f"The failures that count [{','.join(COUNTED)}]; '' puts it back")
    ] = None,
    ignore: Annotated[
        _Text, typer.Option(metavar="KIND,KIND", help="Those that do not, such as 503; '' clears")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put back every setting that is not given")] = False,
    force: Annotated[_Text, typer.Option(metavar="WORD", help="Hold it open, closed or off; none lifts")] = None,
    until: Annotated[
        _Text, typer.Option(metavar="DURATION|TIME", help="When --force ends by itself: 2h, or an RFC 3339 time")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it is forced")] = "",
) -> View:
    """Set when the breakers of a service open and close, or force one. What is not given keeps its value."""
    given: dict[str, Any] = {
        "threshold": threshold,
        "window": window,
        "failure_rate": parse_rate(failure_rate) if failure_rate is not None else None,
        "slow_call": slow_call,
        "slow_rate": parse_rate(slow_rate) if slow_rate is not None else None,
        "min_calls": min_calls,
        "open_for": open_for,
        "open_cap": open_cap,
        "half_open": half_open,
        "close_after": close_after,
        "count": (_kinds(count) or list(COUNTED)) if count is not None else None,
        "ignore": _kinds(ignore) if ignore is not None else None,
    }
    has_policy = replace or any(value is not None for value in given.values())
    if not has_policy and force is None:
        raise UsageError("nothing to set was given", hint=f"mgov breaker show {name}, or: mgov breaker set --help")
    if has_policy and instance is not None:
        raise UsageError("all instances of a service have its policy: --instance goes with --force")
    if force is None and (until is not None or reason):
        raise UsageError("--until and --reason go with --force", hint=f"mgov breaker trip {name}")
    breakers = ctx.obj.platform().breakers
    outcomes = []
    if has_policy:
        outcomes.append(breakers.set_policy(name, given, replace=replace)[0])
    if force is not None:
        ends_at = parse_until(until, ctx.obj.clock.now()) if until is not None else None
        outcomes.append(breakers.force(name, force, instance, until=ends_at, reason=reason))
    changed = [outcome for outcome in outcomes if outcome.action != UNCHANGED]
    return outcomes_view((changed or outcomes)[:1])


def _kinds(text: str) -> list[str]:
    return [kind.strip() for kind in text.split(",") if kind.strip()]
