"""How a command is declared: its examples, formats and columns; and the options that every command shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import typer
from typer.core import TyperOption

from mgov.cli.session import Session
from mgov.cli.tree import GLOBALS
from mgov.cli.view import STANDARD, TEXT, Column
from mgov.model.record import NamedTuple

__all__ = ["STANDARD", "TEXT", "Context", "Facts", "command", "facts_of", "shared_options"]

_F = TypeVar("_F", bound=Callable[..., Any])
_EARLY = ("output", "color", "debug", "quiet", "help")      # what an error in another option's value is shown by


class Context(typer.Context):
    """A command's context; `obj` is its session. A command takes it as its first parameter, `ctx: Context`."""

    obj: Session


class Facts(NamedTuple):
    """What a command says of itself beside its parameters."""

    examples: tuple[str, ...] = ()
    formats: tuple[str, ...] = STANDARD
    columns: tuple[Column, ...] = ()
    watch_columns: tuple[Column, ...] = ()
    takes_child: bool = False


def command(
    *examples: str,
    formats: Sequence[str] = STANDARD,
    columns: Sequence[Column] = (),
    watch_columns: Sequence[Column] = (),
    takes_child: bool = False,
) -> Callable[[_F], _F]:
    """Declare a command: example lines, the -o formats it knows (the first is the default, and plain in a pipe where
    table and plain are among them), the columns that --columns may pick (others where --watch prints changes), and
    whether `-- COMMAND` may follow."""

    def declare(function: _F) -> _F:
        function.__dict__["facts"] = Facts(
            examples, tuple(formats), tuple(columns), tuple(watch_columns), takes_child
        )
        return function

    return declare


def facts_of(function: object) -> Facts:
    """What `command` said of `function`."""
    facts = getattr(function, "facts", None)
    return facts if isinstance(facts, Facts) else Facts()


def shared_options(taken: set[str], facts: Facts, show_help: Callable[..., None]) -> list[TyperOption]:
    """The global options as a command's parameters, without the flags that its own options have taken."""
    options = []
    for key, flags, metavar, variable, text in GLOBALS:
        free = [flag for flag in flags if flag not in taken]
        if not free or (key == "columns" and not facts.columns):
            continue
        if key == "output":
            text = f"{text}: {', '.join(facts.formats)}"
        options.append(
            TyperOption(
                param_decls=[f"global_{key}", *free],
                metavar=metavar or None,
                type=str if metavar else bool,
                is_flag=not metavar,
                default=None,
                help=f"{text} [{variable}]" if variable else text,
                expose_value=False,
                is_eager=key in _EARLY,
                callback=show_help if key == "help" else _remember(key),
            )
        )
    return options


def _remember(key: str) -> Callable[[Context, Any, Any], None]:
    def callback(ctx: Context, _param: Any, value: Any) -> None:
        if value is not None and value is not False:
            ctx.obj.remember(key, value)

    return callback
