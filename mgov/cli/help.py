"""`mgov help TOPIC` and `mgov version`."""

from __future__ import annotations

from typing import Annotated

import typer

from mgov.cli.options import Context, command
from mgov.cli.view import Column, View
from mgov.errors import EXIT_MEANINGS, UsageError
from mgov.model.names import suggest

OUTPUT_HELP = """\
stdout is the answer, stderr is the talk: progress, warnings, errors, hints.

  table   aligned columns, times local or as ages; the default on a terminal
  wide    a table with every column
  plain   tab-separated, no header, no colour, nothing cut; the default in a pipe
  json    one document; times are RFC 3339 in UTC, units are in the names
  jsonl   one JSON object a line
  csv     with a header row; a cell that a spreadsheet would take for a formula begins with a quote
  name    one name a line

--columns a,b picks the columns of table, wide, plain and csv; a command's --help names them. New columns are only
ever appended. With -o json an error is one JSON object on stderr: {"error": {"code", "message", "hint"}}.
Colour follows --color, then NO_COLOR, FORCE_COLOR, then whether stdout is a terminal.
Text from elsewhere never reaches the terminal raw: control and direction characters are shown as \\x1b or \\u202e."""

STORES_HELP = """\
A store is a folder of TOML and JSON files that can be read, compared and committed. mgov looks for it in this order:

  1. --store FOLDER, before or after the command
  2. MGOV_STORE
  3. the nearest .mgov folder at or above the current folder

A folder that was named and is not a store is refused with exit status 8; nothing is ever initialised over it."""

VARIABLES_HELP = """\
Every global option has a variable; the option wins.

  MGOV_STORE     --store           MGOV_QUIET    --quiet, any text
  MGOV_OUTPUT    --output          MGOV_VERBOSE  --verbose, any text
  MGOV_COLOR     --color           MGOV_DEBUG    --debug, any text
  MGOV_DEADLINE  --deadline        MGOV_YES      --yes, any text

  MGOV_TRUST     ids of stores that may do what they ask for, with commas between
  MGOV_ACTOR     who is recorded in history; default: the CI's actor and job, else user@host
  MGOV_ZONE      the zone whose instances call and discover --pick prefer, as --prefer-zone
  MGOV_SERVICE   the service that calls, as call --as
  NO_COLOR, FORCE_COLOR, TERM, COLUMNS    as everywhere"""

TEXTS = {"output": OUTPUT_HELP, "stores": STORES_HELP, "variables": VARIABLES_HELP}
TOPICS = {
    "exit-codes": "What each exit status means",
    "output": "Formats, columns, colour, what goes to stdout and what to stderr",
    "stores": "Which store a command uses",
    "variables": "The environment variables that mgov reads",
}
EXIT_CODES = "exit-codes"


@command("mgov help exit-codes")
def help_topic(
    ctx: Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="exit-codes|output|stores|variables|COMMAND", help="None lists the topics"),
    ] = None,
) -> View | str:
    """Explain a topic, or a command as its --help does."""
    topic = " ".join(words or ())
    if not topic:
        return View((Column("topic"), Column("about")), list(TOPICS.items()))
    if topic == EXIT_CODES:
        return View((Column("status"), Column("meaning")), list(EXIT_MEANINGS.items()))
    if topic in TEXTS:
        return TEXTS[topic]
    return command_help(ctx, topic)


def command_help(ctx: Context, name: str) -> str:
    """What `mgov NAME --help` prints; raise UsageError when there is no such command."""
    from mgov.cli import tree
    from mgov.cli.guesses import meant
    from mgov.cli.root import build

    found = build(name)
    if found is None:
        group, _, word = name.rpartition(" ")
        near = meant(group, word) or suggest(name, [*TOPICS, *(entry[0] for entry in tree.COMMANDS if entry[2])])
        hint = f"did you mean: mgov help {near}" if near else f"one of {', '.join(TOPICS)}"
        raise UsageError(f"no such topic: {name}", hint=hint)
    parent = ctx.parent
    assert parent is not None
    return found.get_help(found.context_class(found, info_name=name, parent=parent, obj=ctx.obj))


@command("mgov version")
def version(ctx: Context) -> View:
    """Print the version of mgov."""
    from mgov import __version__

    return View((Column("version"),), [(__version__,)], data={"version": __version__}, has_header=False)
