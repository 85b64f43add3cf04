"""limit list, show, set, take, reset: a rate that everyone on the store shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mgov.cli.options import Context, command
from mgov.cli.rows import style
from mgov.cli.view import Column, View
from mgov.errors import UsageError
from mgov.model.limit import parse_rate, split_key
from mgov.model.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.governance.limits import KeyState, Taken

SHOWN_KEYS = 10
STATE_COLUMNS = (
    Column("key"),
    Column("rate"),
    Column("burst", "right"),
    Column("remaining", "right"),
    Column("full_after_s", "right"),
)
SHOW_COLUMNS = (Column("field"), Column("value"))
SET_COLUMNS = (
    Column("action", style=style),
    Column("name"),
    Column("rate"),
    Column("burst", "right"),
    Column("revision", "right"),
)
TAKE_COLUMNS = (
    Column("key"),
    Column("allowed"),
    Column("remaining", "right"),
    Column("retry_after_s", "right"),
)
RESET_COLUMNS = (Column("action", style=style), Column("key"), Column("count", "right"))
_Key = Annotated[
    str, typer.Argument(metavar="NAME[:KEY]", help="A service, or a service and any text: orders:client-7")
]


@command("mgov limit list", "mgov limit list 'ord*' -o json", columns=STATE_COLUMNS)
def list_(
    ctx: Context, glob: Annotated[str, typer.Argument(metavar="GLOB", help="Only services that match")] = "*"
) -> View:
    """List the services with a limit, and how many could be taken now."""
    states = ctx.obj.platform().limits.states(glob)
    return View(STATE_COLUMNS, [_state_row(s) for s in states], [_state_json(s) for s in states])


@command("mgov limit show orders", "mgov limit show orders:client-7 -o json", columns=SHOW_COLUMNS)
def show(ctx: Context, key: _Key) -> View:
    """Show one limit: what is left of it, and the keys below it with the least left."""
    limits = ctx.obj.platform().limits
    state = limits.show(key)
    name, rest = split_key(key)
    keys = limits.keys(name) if not rest else []
    rows: list[tuple[str, Any]] = [
        ("key", key),
        ("rate", state.policy.rate),
        ("burst", state.policy.burst),
        ("remaining", state.remaining),
        ("full after", _wait(state.full_after_s)),
    ]
    if not rest:
        rows.append(("keys below burst", len(keys)))
        rows += [("key", f"{s.key}  {s.remaining} left, full after {_wait(s.full_after_s)}") for s in keys[:SHOWN_KEYS]]
    data = {**_state_json(state), "key_count": len(keys), "keys": [_state_json(s) for s in keys[:SHOWN_KEYS]]}
    return View(SHOW_COLUMNS, rows, data if not rest else _state_json(state), has_header=False)


@command("mgov limit set orders 100/1m --burst 20", "mgov limit set orders off", columns=SET_COLUMNS)
def set_(
    ctx: Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The service")],
    rate: Annotated[str, typer.Argument(metavar="RATE|off", help="How many in which time: 100/1m, 5/s; off ends it")],
    burst: Annotated[
        int | None, typer.Option(metavar="N", help="How many at once [as many as the rate says]")
    ] = None,
) -> View:
    """Limit how often a service may be called, or end its limit. The same again is unchanged."""
    if rate == "off" and burst is not None:
        raise UsageError("--burst belongs to a rate", hint=f"mgov limit set {name} 100/1m --burst {burst}")
    policy = None if rate == "off" else parse_rate(rate, burst)
    outcome = ctx.obj.platform().limits.set_policy(name, policy)
    shown = (policy.rate, policy.burst) if policy is not None else (None, None)
    row = (outcome.action, name, *shown, outcome.revision)
    return View(SET_COLUMNS, [row], dict(zip([c.name for c in SET_COLUMNS], row, strict=True)), names=[name])


@command(
    "mgov limit take orders:client-7 && ./call-it",
    "mgov limit take orders --wait 5s -- ./call-it",
    columns=TAKE_COLUMNS,
    takes_child=True,
)
def take(
    ctx: Context,
    key: _Key,
    count: Annotated[int, typer.Option(metavar="N", help="How many at once")] = 1,
    wait: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Wait so long; refused at once if that is too short")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be, take and run nothing")] = False,
) -> View | int:
    """Take from a limit: 0 when it passes, 6 when not (5 with --wait). A command behind -- runs when it passes."""
    session = ctx.obj
    if dry_run and wait is not None:
        raise UsageError("--dry-run does not wait: it says how long --wait would have to be")
    wait_s = parse_duration(wait) if wait is not None else 0.0
    taken = session.platform().limits.take(key, count, wait_s=wait_s, dry_run=dry_run)
    is_for_child = session.has_child and not dry_run
    if taken.allowed and is_for_child:
        from mgov.cli.child import run_child

        return run_child(session)
    if not is_for_child:
        view = _taken_view(taken)
        if taken.allowed:
            return view
        session.out.show(view)
    refused = taken.refusal(count, wait_s=wait_s)
    if wait is None:
        refused.hint = f"wait for it with --wait {taken.wait}"
    raise refused


@command("mgov limit reset orders:client-7", "mgov limit reset orders --all", columns=RESET_COLUMNS)
def reset(
    ctx: Context,
    key: _Key,
    every: Annotated[bool, typer.Option("--all", help="Every key of this limit")] = False,
) -> View:
    """Give a key its full burst back, or every key of a limit."""
    limits = ctx.obj.platform().limits
    if every and split_key(key)[1]:
        raise UsageError("--all goes with a limit's name alone", hint=f"mgov limit reset {split_key(key)[0]} --all")
    count = limits.reset_all(key) if every else int(limits.reset(key))
    row = ("changed" if count else "unchanged", key, count)
    return View(RESET_COLUMNS, [row], dict(zip([c.name for c in RESET_COLUMNS], row, strict=True)), names=[key])


def _state_row(state: KeyState) -> Sequence[Any]:
    return (state.key, state.policy.rate, state.policy.burst, state.remaining, state.full_after_s)


def _state_json(state: KeyState) -> dict[str, Any]:
    return dict(zip([c.name for c in STATE_COLUMNS], _state_row(state), strict=True))


def _taken_view(taken: Taken) -> View:
    row = (taken.key, "yes" if taken.allowed else "no", taken.remaining, taken.retry_after_s)
    data = {
        "key": taken.key,
        "allowed": taken.allowed,
        "remaining": taken.remaining,
        "retry_after_s": taken.retry_after_s,
    }
    return View(TAKE_COLUMNS, [row], data)


def _wait(seconds: float) -> str:
    return format_duration(seconds) if seconds >= 0.001 else "now"
