"""config set, unset, get, show: the values of a service, changed and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mgov.cli.config_views import CHANGE_COLUMNS, VALUE_COLUMNS, published_view, shown_value, values_view, version_json
from mgov.cli.options import STANDARD, Context, command
from mgov.cli.times import moment_shown
from mgov.cli.view import PLAIN, TABLE, WIDE, View
from mgov.errors import UsageError

if TYPE_CHECKING:
    from mgov.governance.publishing import Published
    from mgov.model.config import Configuration

Service = Annotated[str, typer.Argument(metavar="SERVICE", help="The service")]
Environment = Annotated[str, typer.Option("-e", "--env", metavar="ENV", help="The environment; base lies below all")]
Message = Annotated[str, typer.Option("-m", "--message", metavar="TEXT", help="Why, for the history")]
ExpectRev = Annotated[int | None, typer.Option(metavar="N", help="Fail with 4 unless version N is the newest")]
Plain = Annotated[bool, typer.Option("--plain", help="Let plain secrets into the store")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing")]
VersionOption = Annotated[int, typer.Option("--version", metavar="N", help="This version; -1 is the last but one")]
NoSnapshot = Annotated[
    bool, typer.Option("--no-snapshot", help="Fail with 8 where the store cannot be read, whatever was read before")
]
GET_FORMATS = (*STANDARD, "toml", "dotenv", "shell", "docker-env", "github")


@command(
    "mgov config set orders log.level=debug db.port=5432 -e prod -m 'chasing a bug'",
    "mgov config set orders 'hosts:=[\"a\", \"b\"]' db.password=env:DB_PASSWORD",
    "mgov config set orders -f values.toml --dry-run",
    columns=CHANGE_COLUMNS,
)
def set_(
    ctx: Context,
    service: Service,
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=TEXT|KEY:=JSON", help="What to set, all in one version")
    ] = None,
    env: Environment = "default",
    file: Annotated[
        str | None, typer.Option("-f", "--file", metavar="FILE|-", help="Set what is in a TOML, JSON or .env file")
    ] = None,
    from_env: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="Set the variables PREFIX*; __ in a name is a dot")
    ] = None,
    message: Message = "",
    expect_rev: ExpectRev = None,
    create_only: Annotated[bool, typer.Option("--create-only", help="Fail with 4 where there is a version")] = False,
    rebase: Annotated[bool, typer.Option("--rebase", help="Lie over the newest base")] = False,
    plain: Plain = False,
    dry_run: DryRun = False,
) -> View:
    """Set keys of a configuration: one new version, or none where nothing changes.

    TEXT is a number or a boolean only where it prints back identically: 1.10 stays text. KEY:=JSON says what is meant.
    A secret is kept as a reference: env:NAME, file:/PATH or cmd:COMMAND.
    """
    from mgov.cli.config_inputs import read_settings

    wanted = read_settings(settings or (), file, from_env, ctx.obj.environ)
    if not wanted and not rebase:
        raise UsageError("there is nothing to set", hint=f"mgov config set {service} KEY=VALUE")
    done = ctx.obj.platform().configs.set(
        service, wanted, environment=env, message=message, expect_version=expect_rev, create_only=create_only,
        rebase=rebase, plain=plain, dry_run=dry_run,
    )
    _note_unregistered(ctx, done)
    return published_view(done, dry_run=dry_run)


@command("mgov config unset orders log.level -e prod", columns=CHANGE_COLUMNS)
def unset(
    ctx: Context,
    service: Service,
    keys: Annotated[list[str], typer.Argument(metavar="KEY", help="A key, or a table with all below it")],
    env: Environment = "default",
    message: Message = "",
    expect_rev: ExpectRev = None,
    dry_run: DryRun = False,
) -> View:
    """Take keys away. What the base sets shows through again."""
    done = ctx.obj.platform().configs.unset(
        service, keys, environment=env, message=message, expect_version=expect_rev, dry_run=dry_run
    )
    return published_view(done, dry_run=dry_run)


@command(
    "mgov config get orders db.host -e prod",
    'eval "$(mgov config get orders -o shell --resolve)"',
    "mgov config get orders --explain",
    formats=GET_FORMATS,
    columns=VALUE_COLUMNS,
)
def get(
    ctx: Context,
    service: Service,
    key: Annotated[str, typer.Argument(metavar="KEY", help="One key, or a table; without it, all")] = "",
    env: Environment = "default",
    version: VersionOption = 0,
    resolve: Annotated[bool, typer.Option("--resolve", help="Put secrets in the place of references")] = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show plain secrets")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say where each value comes from")] = False,
    prefix: Annotated[str, typer.Option(metavar="TEXT", help="Begin the names of variables with this")] = "",
    no_snapshot: NoSnapshot = False,
) -> View | str:
    """Print the values that a service reads: those of the environment over those of the base that it saw.

    A single value is printed bare. Plain secrets are masked without --reveal, references stay as they are.
    """
    configuration = _read(ctx, service, env, version, is_strict=no_snapshot)
    value = shown_value(ctx.obj, configuration, key, resolve=resolve, reveal=reveal)
    if not isinstance(value, dict) and ctx.obj.out.format in (TABLE, WIDE, PLAIN) and not explain:
        from mgov.model.setting import text_of

        text = text_of(value)
        return ctx.obj.out.shown(text) if ctx.obj.out.is_terminal else f"{text}\n"
    return values_view(configuration, key, value, prefix=prefix, explain=explain)


@command("mgov config show orders -e prod", "mgov config show orders --version -1 -o json", columns=VALUE_COLUMNS)
def show(
    ctx: Context,
    service: Service,
    env: Environment = "default",
    version: VersionOption = 0,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show plain secrets")] = False,
) -> View:
    """Show one version: who made it, when, why, over which base, and its values."""
    from mgov.cli.config_views import version_rows
    from mgov.model.config import leaves
    from mgov.model.key import format_key
    from mgov.model.setting import text_of

    configuration = _read(ctx, service, env, version, is_strict=True)
    value = shown_value(ctx.obj, configuration, "", resolve=False, reveal=reveal)
    rows = version_rows(configuration) + [(format_key(path), text_of(item)) for path, item in leaves(value)]
    document = {**version_json(configuration.version), "service": service, "environment": env, "values": value}
    key, text, _ = VALUE_COLUMNS
    return View((key, text._replace(show=moment_shown(ctx.obj.clock.now()))), rows, document, has_header=False)


def _read(ctx: Context, service: str, env: str, version: int, *, is_strict: bool) -> Configuration:
    from mgov.cli.config_inputs import read_configuration

    return read_configuration(ctx.obj, service, env, version, is_strict=is_strict)


def _note_unregistered(ctx: Context, done: Published) -> None:
    if done.before or done.is_unchanged:
        return
    platform = ctx.obj.platform()
    if platform.store.read(f"service/{done.service}") is None:
        from mgov.governance.fleet import suggest_service

        ctx.obj.out.note(f"no service {done.service} is registered ({suggest_service(platform.store, done.service)})")
