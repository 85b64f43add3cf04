"""config edit, import, export: an environment's own values as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mgov.cli.config import DryRun, Environment, ExpectRev, Message, Plain, Service, VersionOption
from mgov.cli.config_views import CHANGE_COLUMNS, published_view
from mgov.cli.options import Context, command
from mgov.cli.view import View
from mgov.errors import NO, OK, Conflict, MgovError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.cli.session import Session
    from mgov.model.config import Values

KINDS = ("toml", "json", "yaml", "dotenv")


@command(
    "mgov config import orders values.toml -e prod --dry-run",
    "mgov config export orders -e staging | mgov config import orders - -e prod",
    columns=CHANGE_COLUMNS,
)
def import_(
    ctx: Context,
    service: Service,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="TOML, JSON, YAML or NAME=value lines (.env)")],
    env: Environment = "default",
    kind: Annotated[str, typer.Option("--format", metavar="KIND", help="One of: toml, json, yaml, dotenv")] = "",
    message: Message = "",
    expect_rev: ExpectRev = None,
    plain: Plain = False,
    dry_run: DryRun = False,
) -> View | int:
    """Make an environment's own values exactly those of a file: what is not in it goes."""
    from mgov.cli.config_inputs import read_values

    if kind and kind not in KINDS:
        raise UsageError(f"unknown --format {kind}", hint=f"one of {', '.join(KINDS)}")
    values = read_values(file, kind)
    if not values and not dry_run and not _may_be_emptied(ctx.obj, service, env, file):
        ctx.obj.out.note("nothing was changed")
        return NO
    done = ctx.obj.platform().configs.replace(
        service, values, environment=env, message=message, expect_version=expect_rev, plain=plain, dry_run=dry_run
    )
    return published_view(done, dry_run=dry_run)


def _may_be_emptied(session: Session, service: str, env: str, file: str) -> bool:
    """Whether all values may go; asked where there are any, for a pipe whose other end failed holds nothing too."""
    from mgov.cli.inputs import shown_path
    from mgov.governance.current import find

    head = find(session.platform().store, service, env)
    if head is None or not head.version.values:
        return True
    return session.confirm(f"There is nothing in {shown_path(file)}: remove all values of {service} in {env}?")


@command("mgov config export orders -e prod > values.toml", formats=("toml", "json", "dotenv"))
def export(
    ctx: Context,
    service: Service,
    env: Environment = "default",
    version: VersionOption = 0,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print plain secrets too")] = False,
) -> View:
    """Print an environment's own values, without those of the base, as a file that `config import` takes."""
    from mgov.model.key import format_key
    from mgov.model.secret import plain_secrets
    from mgov.model.setting import without_settings

    found = ctx.obj.platform().configs.read(service, environment=env, version=version, use_snapshot=False)
    values = found.version.values
    hidden = [] if reveal else plain_secrets(values)
    summary = f"left out, for they are secrets: {', '.join(map(format_key, hidden))} (--reveal)" if hidden else ""
    shown = without_settings(values, hidden)
    return View(data=shown, extras={"toml": lambda: _toml(shown), "dotenv": lambda: _dotenv(shown)}, summary=summary)


@command("mgov config edit orders -e prod", columns=CHANGE_COLUMNS)
def edit(
    ctx: Context,
    service: Service,
    env: Environment = "default",
    message: Message = "",
    plain: Plain = False,
) -> View | int:
    """Change an environment's own values in $VISUAL or $EDITOR, as TOML. Nothing changed makes no version.

    What cannot be kept, or what somebody else changed meanwhile, leaves your text in a file that is named.
    """
    from mgov.cli.editing import Draft
    from mgov.governance.current import find

    session = ctx.obj
    platform = session.platform()
    head = find(platform.store, service, env)
    with Draft(f"{service}-{env}", _toml(head.version.values if head is not None else {})) as draft:
        status = draft.edit(session.environ)
        if status:
            kept = f"; your text is kept in {draft.keep()}" if draft.is_changed() else ""
            session.out.note(f"the editor ended with {status}: nothing was changed{kept}")
            return NO
        if not draft.is_changed():
            session.out.note("nothing was changed")
            return OK
        try:
            done = platform.configs.replace(
                service, draft.values(), environment=env, operation="edit", message=message, plain=plain,
                expect_version=head.version.number if head is not None else 0,
            )
        except MgovError as error:
            error.hint = _kept_hint(draft.keep(), service, env, is_overtaken=isinstance(error, Conflict))
            raise
    return published_view(done)


def _kept_hint(path: str, service: str, env: str, *, is_overtaken: bool) -> str:
    """Where the text is, and how it becomes a version; first what it would undo, where others were quicker."""
    first = f"see what it would undo: mgov config diff {service} {env} -f {path}" if is_overtaken else "mend it"
    return f"your text is kept in {path}: {first}, then: mgov config import {service} {path} -e {env}"


def _toml(values: Values) -> str:
    from mgov.formats import toml

    return toml.dump(values)


def _dotenv(values: Mapping[str, object]) -> str:
    from mgov.formats.variables import render, variables

    return render("dotenv", variables(values))
