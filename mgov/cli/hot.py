"""The hot lane: `discover NAME -o url`, `heartbeat NAME [INSTANCE]`, `config get SERVICE KEY` and
`breaker check NAME [INSTANCE]`, as scripts call them in a loop.

These command lines are recognised exactly and answered by the same components as ever, without typer, which alone
would take five times as long as bare Python. Whatever is not known exactly returns None and falls to typer; a test
runs generated command lines through both ways and finds the same output, errors and statuses.
"""

import os

from mgov.cli.output import COLOR_WHEN, Output
from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mgov.governance.platform import Platform

_ELSEWHERE = ("MGOV_DEADLINE", "MGOV_DEBUG")    # variables that only the full command line honours
_FORMATS = ("url", "hostport")
_DEFAULT = "default"                            # the environment, as mgov.model.config names it


class _Line(NamedTuple):
    """A command line that was understood: its words, the store named, and the output asked for."""

    words: "list[str]"
    store: "str | None"
    output: "str | None"
    is_quiet: bool
    environment: str = _DEFAULT


def discover(argv: "list[str]", out: Output) -> "int | None":
    """Answer `discover NAME -o url|hostport [-S STORE] [-q]`; None when the line is any other."""
    line = _parse(argv[1:])
    if line is None or len(line.words) != 1 or (line.output or out.environ.get("MGOV_OUTPUT")) not in _FORMATS:
        return None
    platform = _open(line, out)
    if platform is None:
        return None
    members = platform.discovery.find(line.words[0])
    from mgov.formats.endpoint import endpoint_of
    from mgov.formats.endpoints import render

    rendering = render(line.output or out.environ["MGOV_OUTPUT"], [endpoint_of(m.instance) for m in members])
    out.write(rendering.text)
    for note in rendering.notes:
        out.note(note)
    return _status(platform)


def heartbeat(argv: "list[str]", out: Output) -> "int | None":
    """Answer `heartbeat NAME [INSTANCE] [-S STORE] [-q]`; None when the line is any other."""
    line = _parse(argv[1:])
    if line is None or len(line.words) not in (1, 2) or line.output or out.environ.get("MGOV_OUTPUT"):
        return None
    platform = _open(line, out)
    if platform is None:
        return None
    from mgov.governance.heartbeats import beat

    beat(platform.store, platform.clock, *line.words, *[None] * (2 - len(line.words)))
    return _status(platform)


def config_get(argv: "list[str]", out: Output) -> "int | None":
    """Answer `config get SERVICE KEY [-e ENV] [-S STORE] [-q]` for a single value; None when the line is any other, or
    when there is more to say than the value."""
    line = _parse(argv[1:], has_environment=True)
    if line is None or len(line.words) != 3 or line.words[0] != "get" or line.output or out.environ.get("MGOV_OUTPUT"):
        return None
    from mgov.errors import MgovError
    from mgov.governance.current import current, value_at
    from mgov.store.snapshot import Snapshots

    _, service, key = line.words
    warnings: list[str] = []
    try:
        platform = _open(line, out, warnings.append)
        if platform is None:
            return None
        found = current(platform.store, service, line.environment)
        text = _bare(key, value_at(found, key))
    except MgovError:
        return None
    if text is None:
        return None
    Snapshots(platform.store.location, out.environ).keep(found, platform.clock.now(), platform.store.id)
    for warning in warnings:
        out.warn(warning)
    out.write((out.shown(text) if out.is_terminal else text) + "\n")
    return _status(platform)


def _bare(key: str, value: "Any") -> "str | None":
    """A single value as it is printed; None for a table, a list or a secret."""
    from mgov.model.key import parse_key
    from mgov.model.secret import is_secret

    if isinstance(value, dict | list) or is_secret(parse_key(key), value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def breaker(argv: "list[str]", out: Output) -> "int | None":
    """Answer `breaker check NAME [INSTANCE] [-S STORE] [-q]` without a probe; None when the line is any other."""
    line = _parse(argv[1:])
    if line is None or len(line.words) not in (2, 3) or line.words[0] != "check":
        return None
    if line.output or out.environ.get("MGOV_OUTPUT"):
        return None
    warnings: list[str] = []
    platform = _open(line, out, warnings.append)
    if platform is None:
        return None
    is_answer = True
    try:
        is_answer = platform.breakers.admits(*line.words[1:])
    finally:
        for warning in warnings if is_answer else ():
            out.warn(warning)
    return _status(platform) if is_answer else None


def _parse(args: "list[str]", *, has_environment: bool = False) -> "_Line | None":
    words: list[str] = []
    named: dict[str, str | None] = {"store": None, "output": None, "environment": None}
    is_quiet = False
    waiting = ""
    for arg in args:
        if waiting:
            named[waiting] = arg
            waiting = ""
        elif arg in ("-S", "--store"):
            waiting = "store"
        elif arg in ("-o", "--output"):
            waiting = "output"
        elif has_environment and words and arg in ("-e", "--env"):
            waiting = "environment"
        elif arg in ("-q", "--quiet"):
            is_quiet = True
        elif arg.startswith("-") or not arg:
            return None
        else:
            words.append(arg)
    environment = named["environment"]
    return None if waiting else _Line(
        words, named["store"], named["output"], is_quiet, _DEFAULT if environment is None else environment
    )


def _open(line: _Line, out: Output, warn: "Callable[[str], None] | None" = None) -> "Platform | None":
    if any(out.environ.get(name) for name in _ELSEWHERE) or out.color not in ("", *COLOR_WHEN):
        return None
    from mgov.store.root import locate

    place = locate(line.store, out.environ)
    if place is None or not os.path.isdir(place):
        return None
    from mgov.governance.platform import Platform

    out.format = line.output
    out.is_quiet = out.is_quiet or line.is_quiet
    return Platform.open(place, warn=warn or out.warn)


def _status(platform: "Platform") -> int:
    return 8 if getattr(platform.store, "damaged", None) else 0
