"""config watch, exec: acting on what a configuration becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mgov.cli.child import hook_words, run_child, run_hook
from mgov.cli.config import Environment, NoSnapshot, Service
from mgov.cli.options import Context, command
from mgov.cli.pausing import pause
from mgov.cli.view import Column
from mgov.errors import OK, TERMINATED, MgovError, NotFound, StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgov.cli.session import Session
    from mgov.governance.following import Change, Follower
    from mgov.model.config import Configuration
    from mgov.net.supervise import Supervisor

WATCH_COLUMNS = (Column("version", "right"), Column("at"), Column("author"), Column("keys"), Column("message"))
DEFAULT_QUIESCE = "1s:5s"
Prefix = Annotated[str, typer.Option(metavar="TEXT", help="Begin the names of variables with this")]


@command(
    "mgov config watch orders -e prod",
    "mgov config watch orders db --after 12 -o jsonl",
    "mgov config watch orders -e prod --exec 'nginx -s reload' --quiesce 1s:5s",
    columns=WATCH_COLUMNS,
)
def watch(
    ctx: Context,
    service: Service,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Only this key or table")] = "",
    env: Environment = "default",
    after: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Begin behind version N, so that none is missed [now]")
    ] = None,
    exec_: Annotated[
        str | None, typer.Option("--exec", metavar="COMMAND", help="Run at each change, with the values as variables")
    ] = None,
    quiesce: Annotated[
        str | None, typer.Option(metavar="QUIET[:MOST]", help="Tell a burst of changes once, after so much quiet")
    ] = None,
    prefix: Prefix = "",
    count: Annotated[int | None, typer.Option(metavar="N", min=1, help="End after N changes")] = None,
) -> int:
    """Print each real change as it comes, in order: which version, when, by whom, and which keys read differently.

    A version that changes nothing (of KEY) is passed over. Whoever restarts hands --after the last version it saw.
    """
    from mgov.governance.following import POLL_S
    from mgov.model.quiesce import parse_quiesce

    session = ctx.obj
    words = hook_words(session, exec_, "--exec") if exec_ is not None else None
    follower = session.platform().configs.follow(
        service, key, environment=env, after=after, quiesce=parse_quiesce(quiesce) if quiesce is not None else None,
        warn=session.out.warn,
    )
    if after is None:
        _note_absent(session, service, key, env)
    left = count
    while True:
        for change in follower.poll():
            _emit(session, change)
            if words is not None:
                _run(session, words, change, prefix)
            left = left - 1 if left is not None else None
            if left == 0:
                return OK
        pause(session, POLL_S)


@command(
    "mgov config exec orders -e prod -- ./orders-server",
    "mgov config exec orders -e prod --watch --prefix ORDERS_ -- ./orders-server",
    "mgov config exec orders --watch --signal HUP -- nginx -g 'daemon off;'",
    takes_child=True,
)
def exec_(
    ctx: Context,
    service: Service,
    env: Environment = "default",
    prefix: Prefix = "",
    watch: Annotated[bool, typer.Option("--watch", help="Start the command anew when the values change")] = False,
    signal: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --watch: send it this signal instead, such as HUP")
    ] = None,
    quiesce: Annotated[
        str, typer.Option(metavar="QUIET[:MOST]", help="With --watch: take a burst of changes as one")
    ] = DEFAULT_QUIESCE,
    grace: Annotated[
        str, typer.Option(metavar="DURATION", help="With --watch: from SIGTERM to SIGKILL when it is started anew")
    ] = "10s",
    no_snapshot: NoSnapshot = False,
) -> int:
    """Run the command behind -- with the values as environment variables, references resolved; return its status.

    db.pool-size is DB_POOL_SIZE. Signals are passed on. With --watch a change that cannot be used is said, and the
    command goes on as it is.
    """
    from mgov.cli.config_inputs import read_configuration

    session = ctx.obj
    if signal is not None and not watch:
        raise UsageError("--signal goes with --watch")
    found = read_configuration(session, service, env, 0, is_strict=no_snapshot)
    if not watch:
        return run_child(session, _variables(session, found, prefix))
    return _supervise(session, found, prefix, signal, quiesce, grace)


def _supervise(
    session: Session, found: Configuration, prefix: str, signal: str | None, quiesce: str, grace: str
) -> int:
    from mgov.governance.following import POLL_S
    from mgov.model.quiesce import parse_quiesce
    from mgov.model.units import parse_duration
    from mgov.net.supervise import Supervisor, signal_number

    number = signal_number(signal) if signal is not None else None
    follower = session.platform().configs.follow(
        found.service, environment=found.environment, after=found.version.number, quiesce=parse_quiesce(quiesce),
        warn=session.out.warn,
    )
    environ = {**session.environ, **_variables(session, found, prefix)}
    with Supervisor(session.child, grace_s=parse_duration(grace)) as child:
        child.start(environ)
        while (status := child.wait(POLL_S)) is None:
            _follow(session, follower, child, prefix, number)
            if not child.is_running and child.is_told_to_end:
                return TERMINATED
    session.out.note(f"child exited {status}")
    return status


def _follow(session: Session, follower: Follower, child: Supervisor, prefix: str, number: int | None) -> None:
    for change in follower.poll():
        name = change.configuration.name
        if number is not None:
            session.out.note(f"{name}: signalling the command")
            child.send(number)
            continue
        try:
            environ = _variables(session, change.configuration, prefix)
        except MgovError as error:
            session.out.warn(f"{name}: {error.message}; the command goes on as it is", hint=error.hint)
            continue
        session.out.note(f"{name}: starting the command anew")
        child.restart({**session.environ, **environ})


def _note_absent(session: Session, service: str, key: str, env: str) -> None:
    """Say what is not there yet: it may come, or it may be a slip."""
    from mgov.governance.current import current, value_at

    try:
        value_at(current(session.platform().store, service, env), key)
    except NotFound as error:
        session.out.note(f"{error.message} yet ({error.hint})")
    except StoreError:
        return                                  # which the watch tells


def _variables(session: Session, found: Configuration, prefix: str) -> Mapping[str, str]:
    from mgov.cli.config_inputs import resolved
    from mgov.formats.variables import for_commands, variables

    return for_commands(variables(resolved(session, found), prefix=prefix))


def _run(session: Session, words: Sequence[str], change: Change, prefix: str) -> None:
    """Run the command of --exec with the values, and what they are of, in its environment; not where they cannot be
    looked up, which is a warning, for the next change may mend it.
    """
    found = change.configuration
    try:
        values = _variables(session, found, prefix)
    except MgovError as error:
        session.out.warn(f"{found.name}: {error.message}; the command was not run", hint=error.hint)
        return
    about: Mapping[str, str] = {
        "MGOV_CONFIG_SERVICE": found.service,
        "MGOV_CONFIG_ENV": found.environment,
        "MGOV_CONFIG_VERSION": str(found.version.number),
    }
    run_hook(session, words, {**values, **about})


def _emit(session: Session, change: Change) -> None:
    from mgov.cli.config_views import difference_json
    from mgov.model.key import format_key

    found, version = change.configuration, change.configuration.version
    keys = ",".join(format_key(difference.path) for difference in change.differences)
    row = (version.number, version.at, version.author, keys, version.message)
    data: dict[str, Any] = {
        "service": found.service,
        "environment": found.environment,
        "version": version.number,
        "at": version.at,
        "author": version.author,
        "operation": version.operation,
        "message": version.message,
        "changes": [difference_json(difference) for difference in change.differences],
    }
    session.out.emit(WATCH_COLUMNS, row, data)
