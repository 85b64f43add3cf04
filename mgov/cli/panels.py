"""What `mgov` alone prints: the panels of the static table. Read on a lane without typer, so it imports nothing."""

from mgov.cli import tree
from mgov.cli.text import BOLD, paint

_ABOUT = "mgov: who is there, is it well, may I call it, what changed"
_USAGE = "Usage: mgov [OPTIONS] COMMAND [ARGS]..."
_FIRST_COLUMN = 14


def root_help(*, is_bold: bool) -> str:
    """The whole help of the root, ending in a newline; headings are bold when `is_bold`."""
    parts = [_ABOUT, "", _USAGE]
    shown = tree.children("")
    for panel in tree.PANELS:
        rows = [(name, text) for name, _, at, text in shown if at == panel]
        if rows:
            parts += ["", paint(panel, BOLD if is_bold else None), *_aligned(rows, _FIRST_COLUMN)]
    options = [(" ".join([", ".join(flags), metavar]).rstrip(), _variable(text, variable))
               for _, flags, metavar, variable, text in tree.GLOBALS]
    options.append(("--version", "Print the version"))
    heading = paint("Options, before or after the command", BOLD if is_bold else None)
    parts += ["", heading, *_aligned(options, max(len(first) for first, _ in options))]
    parts += ["", "mgov COMMAND --help explains a command, mgov help lists the topics."]
    return "\n".join(parts) + "\n"


def _aligned(rows: "list[tuple[str, str]]", width: int) -> "list[str]":
    return [f"  {first:<{width}}  {text}" for first, text in rows]


def _variable(text: str, variable: str) -> str:
    return f"{text} [{variable}]" if variable else text
