"""discover: the instances of a service that may be used now."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from mgov.cli.options import STANDARD, Context, command
from mgov.cli.pausing import pause
from mgov.cli.register import pairs
from mgov.cli.rows import instance_columns, instances_view
from mgov.cli.view import View
from mgov.errors import UsageError
from mgov.governance.discovery import Filter
from mgov.model.units import parse_duration, parse_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgov.governance.fleet import Member

FORMATS = (*STANDARD, "url", "hostport", "env", "srv", "hosts", "file-sd")
_Text = str | None


@command(
    "curl $(mgov discover orders --pick p2c -o url)/items",
    "mgov discover orders --tag edge --version ^2 --wait 30s",
    formats=FORMATS,
    columns=instance_columns(),
)
def discover(
    ctx: Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The service")],
    everything: Annotated[bool, typer.Option("--all", help="All instances, whatever their health")] = False,
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="Only with this tag; repeat for more")] = None,
    region: Annotated[str, typer.Option(metavar="TEXT", help="Only in this region")] = "",
    zone: Annotated[str, typer.Option(metavar="TEXT", help="Only in this zone")] = "",
    version: Annotated[str, typer.Option(metavar="RANGE", help="Only in this range, such as ^2 or 1.4.x")] = "",
    meta: Annotated[list[str] | None, typer.Option(metavar="K=V", help="Only with this metadata")] = None,
    pick: Annotated[
        _Text, typer.Option(metavar="STRATEGY", help="One of: random, round-robin, weighted, least-latency, p2c, hash")
    ] = None,
    key: Annotated[_Text, typer.Option(metavar="TEXT", help="What hash is consistent in, such as a user id")] = None,
    prefer_zone: Annotated[
        _Text, typer.Option(metavar="ZONE", help="With --pick: an instance there while one may be used [MGOV_ZONE]")
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="At most this many [with --pick: 1]")] = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="Answer from the store, probe nothing")] = False,
    max_age: Annotated[
        _Text, typer.Option(metavar="DURATION", help="Probe what was seen longer ago [three intervals]")
    ] = None,
    wait: Annotated[_Text, typer.Option(metavar="DURATION", help="Wait for an instance that may be used")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Print the answer again each time it changes")] = False,
    interval: Annotated[str, typer.Option(metavar="DURATION", help="How often --watch looks")] = "10s",
) -> View | None:
    """Find the instances of a service that may be used. What nobody looked at lately is probed first."""
    session = ctx.obj
    where = Filter(tuple(tag or ()), region, zone, version, pairs(meta, "--meta") if meta else {})
    if (everything or watch) and (pick is not None or wait is not None):
        raise UsageError(f"--{'watch' if watch else 'all'} goes with neither --pick nor --wait")
    if prefer_zone is not None and pick is None:
        raise UsageError("--prefer-zone goes with --pick", hint="--zone shows the instances of one zone only")
    discovery = session.platform().discovery
    if watch:
        changes = discovery.watch(
            name, where, interval_s=parse_interval(interval), include_all=everything, probe=not no_check,
            pause=partial(pause, session),
        )
        for members in changes:
            _show_change(ctx, _view(ctx, members[:limit]))
        return None
    max_age_s = parse_duration(max_age) if max_age is not None else None
    if wait is not None:
        discovery.wait(name, where, wait_s=parse_duration(wait), max_age_s=max_age_s, probe=not no_check)
    if pick is not None:
        near = prefer_zone if prefer_zone is not None else session.environ.get("MGOV_ZONE", "")
        members = discovery.pick(
            name, pick, where, key=key, count=limit or 1, max_age_s=max_age_s, probe=not no_check, prefer_zone=near
        )
    else:
        members = discovery.find(name, where, include_all=everything, max_age_s=max_age_s, probe=not no_check)[:limit]
    return _view(ctx, members)


def _show_change(ctx: Context, view: View) -> None:
    out = ctx.obj.out
    if out.is_json:                                     # one line for each answer, so that a reader knows where it ends
        out.emit((), (), view.document())
    else:
        out.show(view)


def _view(ctx: Context, members: Sequence[Member]) -> View:
    session = ctx.obj
    view = instances_view(members, session.clock.now())
    return view._replace(
        names=[m.instance.id for m in members],
        extras={name: _rendered(ctx, name, members) for name in FORMATS[len(STANDARD) :]},
    )


def _rendered(ctx: Context, output: str, members: Sequence[Member]) -> Callable[[], str]:
    def make() -> str:
        from mgov.formats.endpoint import endpoint_of
        from mgov.formats.endpoints import render

        rendering = render(output, [endpoint_of(member.instance) for member in members])
        for note in rendering.notes:
            ctx.obj.out.note(note)
        return rendering.text

    return make
