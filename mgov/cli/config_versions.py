"""config history, diff, rollback, promote, gc: versions listed, compared, brought back, carried over and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mgov.cli.config import DryRun, Environment, ExpectRev, Message, Plain, Service
from mgov.cli.config_views import CHANGE_COLUMNS, difference_view, history_columns, history_view, published_view
from mgov.cli.options import Context, command
from mgov.cli.view import Column, View
from mgov.errors import NO, OK, UsageError

if TYPE_CHECKING:
    from mgov.governance.configs import Configs
    from mgov.model.config import Configuration

GC_COLUMNS = (Column("version", "right"),)
Texts = list[str] | None
Side = Annotated[str, typer.Argument(metavar="N|ENV|ENV@N", help="A version or an environment to compare")]


@command("mgov config history orders -e prod", columns=history_columns())
def history(
    ctx: Context,
    service: Service,
    env: Environment = "default",
    limit: Annotated[int, typer.Option(metavar="N", help="At most this many, the newest; 0 is all")] = 20,
) -> View:
    """List the versions, newest first: who made each, when, by which operation, and why."""
    found = ctx.obj.platform().configs.history(service, environment=env, limit=limit if limit > 0 else None)
    return history_view(found, ctx.obj.clock.now())


@command(
    "mgov config diff orders",
    "mgov config diff orders 11 12 -e prod",
    "mgov config diff orders staging prod",
    "mgov config diff orders prod -f values.toml",
    columns=CHANGE_COLUMNS,
)
def diff(
    ctx: Context,
    service: Service,
    before: Side = "-1",
    after: Side = "",
    env: Environment = "default",
    file: Annotated[
        str | None, typer.Option("-f", "--file", metavar="FILE|-", help="Compare with this file instead of a version")
    ] = None,
) -> View:
    """Compare what a service reads: 0 when it is the same, 1 when not. Without a version, the newest two.

    One version is compared with the newest of --env; an environment stands for its newest version.
    """
    from mgov.cli.config_inputs import read_values
    from mgov.model.config import merge
    from mgov.model.setting import differences

    configs = ctx.obj.platform().configs
    if file is not None:
        if after:
            raise UsageError("a file is compared with one version", hint=f"mgov config diff {service} -f {file}")
        left = _side(configs, service, env if before == "-1" else before, env)
        values = read_values(file)
        found = differences(left.values, merge(left.below.values, values) if left.below is not None else values)
        return difference_view(found, summary=f"{left.name} against {file}")._replace(status=NO if found else OK)
    left = _side(configs, service, before, env)
    right = _side(configs, service, after or env, env)
    found = configs.diff(left, right)
    same = "" if found else ": no difference"
    view = difference_view(found, summary=f"{left.name} against {right.environment} {right.version.number}{same}")
    return view._replace(status=NO if found else OK)


@command("mgov config rollback orders --to 11 -e prod", "mgov config rollback orders --to -1", columns=CHANGE_COLUMNS)
def rollback(
    ctx: Context,
    service: Service,
    to: Annotated[int, typer.Option(metavar="N", help="The version to bring back; -1 is the last but one")] = -1,
    env: Environment = "default",
    message: Message = "",
    expect_rev: ExpectRev = None,
    dry_run: DryRun = False,
) -> View:
    """Bring back what a service read at an older version, as a new version. Nothing is removed, the base stays."""
    done = ctx.obj.platform().configs.rollback(
        service, to, environment=env, message=message, expect_version=expect_rev, dry_run=dry_run
    )
    return published_view(done, dry_run=dry_run)


@command(
    "mgov config promote orders --from staging --to prod",
    "mgov config promote orders --from staging --to prod --keep db --dry-run",
    columns=CHANGE_COLUMNS,
)
def promote(
    ctx: Context,
    service: Service,
    source: Annotated[str, typer.Option("--from", metavar="ENV[@N]", help="Where it comes from")],
    target: Annotated[str, typer.Option("--to", metavar="ENV", help="Where it goes")],
    only: Annotated[Texts, typer.Option(metavar="KEY", help="Just this key or table")] = None,
    keep: Annotated[Texts, typer.Option(metavar="KEY", help="Leave this key or table as it is")] = None,
    message: Message = "",
    expect_rev: ExpectRev = None,
    plain: Plain = False,
    dry_run: DryRun = False,
) -> View:
    """Make one environment read as another does: its values and the base that it saw, as a new version."""
    name, number = split_side(source, "")
    done = ctx.obj.platform().configs.promote(
        service, source=name, target=target, version=number, only=only or (), keep=keep or (), message=message,
        expect_version=expect_rev, plain=plain, dry_run=dry_run,
    )
    return published_view(done, dry_run=dry_run)


@command("mgov config gc orders --keep 50 -e prod --dry-run", columns=GC_COLUMNS)
def gc(
    ctx: Context,
    service: Service,
    keep: Annotated[int, typer.Option(metavar="N", help="How many of the newest stay")],
    env: Environment = "default",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List them, remove nothing")] = False,
) -> View | int:
    """Remove all but the newest versions. A version of the base stays while another environment lies over it."""
    session = ctx.obj
    configs = session.platform().configs
    doomed = configs.gc(service, environment=env, keep=keep, dry_run=True)
    if doomed and not dry_run:
        if not session.confirm(f"Remove {len(doomed)} versions of {service} in {env}?"):
            session.out.note("nothing was removed")
            return NO
        doomed = configs.gc(service, environment=env, keep=keep)
    what = "would be removed" if dry_run else "removed"
    summary = f"{len(doomed)} {what}" if doomed else "nothing to remove"
    return View(GC_COLUMNS, [(number,) for number in doomed], doomed, summary=summary)


def split_side(text: str, environment: str) -> tuple[str, int]:
    """(environment, version) of `N`, `ENV` or `ENV@N`; 0 is the newest version."""
    name, at, number = text.rpartition("@") if "@" in text else ("", "", text)
    if number.lstrip("-").isdigit() and number.isascii() and int(number) and (not at or name):
        return name or environment, int(number)
    if at:
        raise UsageError(f"{text[:80]!r} is no version", hint=f"write it like {name or 'prod'}@12")
    return text, 0


def _side(configs: Configs, service: str, text: str, environment: str) -> Configuration:
    name, number = split_side(text, environment)
    return configs.read(service, environment=name, version=number, use_snapshot=False)
