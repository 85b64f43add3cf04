"""breaker list, show, trip, reset, check, record, run: may it be called, and what became of the calls."""

from __future__ import annotations

from typing import Annotated

import typer

from mgov.cli.breaker_rows import (
    LIST_COLUMNS,
    SHOW_COLUMNS,
    list_view,
    recorded_note,
    show_view,
)
from mgov.cli.options import TEXT, Context, command
from mgov.cli.rows import OUTCOME_COLUMNS, outcomes_view
from mgov.cli.view import View
from mgov.errors import DeadlineExceeded, MgovError, UsageError
from mgov.model.breaker import CANCELLED, FAILURE, HOLD_S, IGNORED, SUCCESS
from mgov.model.breaker_policy import ERROR, TIMEOUT, check_kind
from mgov.model.names import suggest
from mgov.model.units import format_duration, parse_duration, parse_timeout, parse_until

RUN_HOLD_S = 600.0
_WORDS = (SUCCESS, FAILURE, IGNORED, CANCELLED)
_NOT_RUN = (126, 127)                           # the shell's word for a command that did not start
_ENDED = (130, 143)                             # by Ctrl-C or SIGTERM: somebody gave up, nothing failed

Name = Annotated[str, typer.Argument(metavar="NAME", help="The service")]
Instance = Annotated[str | None, typer.Argument(metavar="INSTANCE", help="The breaker of this instance alone")]
InstanceOption = Annotated[
    str | None, typer.Option("--instance", metavar="ID", help="The breaker of this instance alone")
]


@command("mgov breaker list", "mgov breaker list 'ord*' -o json", columns=LIST_COLUMNS)
def list_(
    ctx: Context, glob: Annotated[str, typer.Argument(metavar="GLOB", help="Only services that match")] = "*"
) -> View:
    """List the breakers of all services, and those of their instances that were used."""
    session = ctx.obj
    return list_view(session.platform().breakers.states(glob), session.clock.now())


@command("mgov breaker show orders", "mgov breaker show orders -o json", columns=SHOW_COLUMNS)
def show(ctx: Context, name: Name, instance: Instance = None) -> View:
    """Show one breaker: its state, why and until when, what it counted, its policy and its last transitions."""
    session = ctx.obj
    policy, known = session.platform().breakers.show(name)
    return show_view(name, instance or "", policy, known, session.clock.now())


@command(
    "mgov breaker trip payments --until 30m --reason 'bad release'",
    "mgov breaker trip payments 10.0.0.7-8080",
    columns=OUTCOME_COLUMNS,
)
def trip(
    ctx: Context,
    name: Name,
    instance: Instance = None,
    until: Annotated[
        str | None, typer.Option(metavar="DURATION|TIME", help="When it may be probed [what the policy says]")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why")] = "",
) -> View:
    """Open a breaker now. Then it is probed and closes as ever; to keep it open: breaker set NAME --force open."""
    session = ctx.obj
    ends_at = parse_until(until, session.clock.now()) if until is not None else None
    return outcomes_view([session.platform().breakers.trip(name, instance, until=ends_at, reason=reason)])


@command("mgov breaker reset payments", "mgov breaker reset payments --statistics", columns=OUTCOME_COLUMNS)
def reset(
    ctx: Context,
    name: Name,
    instance: Instance = None,
    statistics: Annotated[bool, typer.Option("--statistics", help="Count everything from nothing again")] = False,
) -> View:
    """Close a breaker, and lift what was forced."""
    return outcomes_view([ctx.obj.platform().breakers.reset(name, instance, statistics=statistics)])


@command(
    "mgov breaker check payments && ./call-it",
    "token=$(mgov breaker check payments) || exit; ./call-it && said=success || said=failure; "
    "mgov breaker record payments $said $token",
    formats=TEXT,
)
def check(ctx: Context, name: Name, instance: Instance = None) -> str:
    """Say whether a call may go out: 0, or 6 with the time to wait. Half-open, print the token of the probe."""
    token = ctx.obj.platform().breakers.check(name, instance)
    if token:
        ctx.obj.out.note(f"a probe: record what becomes of it within {format_duration(HOLD_S)}, with this token")
    return token


@command(
    "mgov breaker record payments success",
    "mgov breaker record payments failure --kind timeout --latency 2s",
    formats=TEXT,
)
def record(
    ctx: Context,
    name: Name,
    outcome: Annotated[
        str, typer.Argument(metavar="success|failure|ignored|cancelled", help="cancelled: no call was made after all")
    ],
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="What check printed, if anything")] = "",
    instance: InstanceOption = None,
    kind: Annotated[
        str, typer.Option(metavar="KIND", help="How it failed: refused, timeout, reset, 5xx, 4xx, 503 ...")
    ] = "",
    latency: Annotated[str | None, typer.Option(metavar="DURATION", help="How long the call took")] = None,
) -> None:
    """Say what became of a call. Silent, but for a breaker that opens or closes by it."""
    session = ctx.obj
    if outcome not in _WORDS:
        near = suggest(outcome, list(_WORDS))
        listed = f"one of {', '.join(_WORDS)}"
        raise UsageError(
            f"{outcome[:40]!r} is no outcome of a call", hint=f"did you mean {near}? {listed}" if near else listed
        )
    if kind and outcome != FAILURE:
        raise UsageError("--kind belongs to a failure", hint=f"mgov breaker record {name} failure --kind {kind[:40]}")
    if kind:
        check_kind(kind)                                # one mistyped would count as another
    latency_s = parse_duration(latency) if latency is not None else 0.0
    done = session.platform().breakers.record(
        name, token, outcome, instance=instance, kind=kind, latency_s=latency_s
    )
    recorded_note(session.out, name, instance, done, is_told_token=bool(token))


@command("mgov breaker run payments -- ./call-it", formats=TEXT, takes_child=True)
def run(
    ctx: Context,
    name: Name,
    instance: InstanceOption = None,
    hold: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Free a half-open place after this long [10m]")
    ] = None,
) -> int:
    """Run a command through the breaker: 0 is a success, 126 and 127 say nothing, anything else is a failure.

    So is one that --deadline ends. While the breaker is open the command does not run, and this exits with 6.
    """
    from mgov.net.child import run_forwarding

    session = ctx.obj
    if not session.child:
        raise UsageError("there is no command behind --", hint=f"mgov breaker run {name} -- COMMAND")
    breakers = session.platform().breakers
    permit = breakers.permit(name, instance, hold_s=parse_timeout(hold) if hold is not None else RUN_HOLD_S)

    def tell(outcome: str, kind: str = "") -> None:
        took_s = session.clock.monotonic() - permit.at
        done = breakers.record(name, permit.token, outcome, instance=instance, kind=kind, latency_s=took_s)
        recorded_note(session.out, name, instance, done, is_told_token=True)

    try:
        status = run_forwarding(session.child, environ=session.environ)
    except DeadlineExceeded:
        tell(FAILURE, TIMEOUT)
        raise
    except MgovError:
        permit.ignore()
        raise
    except BaseException:
        permit.cancel()
        raise
    outcome = SUCCESS if status == 0 else IGNORED if status in _NOT_RUN else CANCELLED if status in _ENDED else FAILURE
    tell(outcome, ERROR if outcome == FAILURE else "")
    session.out.note(f"child exited {status}")
    return status
