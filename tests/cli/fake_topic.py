"""A topic of its own for the framework's tests: commands of every shape, over no platform at all."""

from typing import Annotated

import typer

from mgov.cli.options import Context, command
from mgov.cli.view import STANDARD, Column, View
from mgov.errors import Conflict, NotFound

NASTY = "a\x1b[31m\x9b\u202eb\tc\nd\r\x7f"
COLUMNS = (Column("name"), Column("note", style=lambda value: "31"), Column("port", align="right"),
           Column("tags", is_wide_only=True))
ROWS = [
    ("orders", NASTY, 80, ["edge", "[red]"]),
    ("订单", "=1+1", 8080, []),
    ("pay", "[/] :skull: \udc80", None, ["x" * 300]),
]


@command("mgov ls 'ord*'", columns=COLUMNS, formats=(*STANDARD, "url"))
def ls(ctx: Context, glob: Annotated[str, typer.Argument(metavar="GLOB", help="Which")] = "*",
       limit: Annotated[int, typer.Option(help="How many")] = 10) -> View:
    """List nasty rows."""
    return View(COLUMNS, ROWS[:limit], summary=f"glob {glob}", status=1, extras={"url": lambda: "http://x"})


@command("mgov where")
def where(ctx: Context) -> View:
    """Say what the session was told."""
    session = ctx.obj
    told = {"store": session.store, "deadline_s": session.deadline_s, "yes": session.assume_yes,
            "debug": session.debug, "quiet": session.is_quiet}
    return View((Column("key"), Column("value")), list(told.items()), data=told)


@command("mgov guard NAME -- true", takes_child=True)
def guard(ctx: Context, name: str) -> str:
    """Say what the child would be."""
    return f"{name} {ctx.obj.child}"


@command("mgov wipe")
def wipe(ctx: Context) -> int:
    """Ask, and answer with a status."""
    return 0 if ctx.obj.confirm("Delete all?") else 1


@command("mgov stream")
def stream(ctx: Context) -> None:
    """Print rows as they come."""
    for row in ROWS[:2]:
        ctx.obj.out.emit(COLUMNS, row)


@command("mgov fail KIND")
def fail(ctx: Context, kind: str) -> None:
    """Fail in a chosen way."""
    if kind == "missing":
        raise NotFound("no service \x1b[2J\nwipe", hint="mgov services")
    if kind == "conflict":
        raise Conflict("lost")
    if kind == "memory":
        raise MemoryError
    if kind == "interrupt":
        raise KeyboardInterrupt
    secret = "hunter2"
    raise ValueError(f"unforeseen {len(secret)}")


TREE = (
    ("ls", "fake_topic:ls", "Fleet", "List nasty rows"),
    ("where", "fake_topic:where", "Fleet", "Say what the session was told"),
    ("guard", "fake_topic:guard", "Health", "Guard a command"),
    ("wipe", "fake_topic:wipe", "Store", "Ask first"),
    ("stream", "fake_topic:stream", "Store", "Print rows as they come"),
    ("fail", "fake_topic:fail", "Store", "Fail in a chosen way"),
    ("box", "", "Store", "Look into boxes"),
    ("box open", "fake_topic:where", "Store", "Open a box"),
    ("box burn", "fake_topic:wipe", "Store", "Burn a box"),
)
