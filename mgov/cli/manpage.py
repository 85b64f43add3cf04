"""The manual page mgov(1), in the man macros of man(7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.cli.tree import GLOBALS, PANELS
from mgov.errors import EXIT_MEANINGS

if TYPE_CHECKING:
    from mgov.cli.shapes import Option, Shape

_ROFF = str.maketrans({"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", '"': "\\(dq"})
_ABOUT = (
    "mgov registers services and instances, discovers healthy ones and sweeps their health. It needs no server: its"
    " state is a folder of TOML and JSON files that can be read, compared and committed."
)


def manual(shapes: list[Shape]) -> str:
    """The text of mgov.1, for man and mandoc."""
    lines = ['.TH MGOV 1 "" mgov "User Commands"', ".SH NAME", "mgov \\- govern a fleet of microservices"]
    lines += [".SH SYNOPSIS", ".B mgov", ".RI [ options ] \\ command \\ [ arguments ]"]
    lines += [".SH DESCRIPTION", _text(_ABOUT), ".SH COMMANDS"]
    for panel in PANELS:
        listed = [shape for shape in shapes if shape.panel == panel]
        if listed:
            lines += [f".SS {panel}", *(line for shape in listed for line in _command(shape))]
    shared = {option.flags: option for shape in shapes for option in shape.options if option.is_global}
    known = [shared[flags] for _, flags, _, _, _ in GLOBALS if flags in shared]
    lines += [".SH OPTIONS", "These work before and after every command."]
    lines += [line for option in known for line in _option(_general(option))]
    lines += [".SH EXIT STATUS"]
    for status, meaning in EXIT_MEANINGS.items():
        lines += [".TP", f".B {_text(status)}", _text(meaning)]
    lines += [".SH ENVIRONMENT"]
    for _, flags, _, variable, _ in GLOBALS:
        if variable:
            lines += [".TP", f".B {variable}", f"as {_text(flags[-1])}; the option wins"]
    lines += [".TP", ".B MGOV_ACTOR", "who is recorded in history"]
    lines += [".TP", ".B MGOV_ZONE", "the zone whose instances are preferred"]
    lines += [".TP", ".B MGOV_SERVICE", "the service that calls"]
    lines += [".TP", ".BR NO_COLOR ,\\ FORCE_COLOR", "colour off, or on where stdout is no terminal"]
    return "\n".join(lines) + "\n"


def _command(shape: Shape) -> list[str]:
    usage = f" {_text(shape.usage)}" if shape.usage.strip() else ""
    lines = [".TP", f".B mgov {_text(shape.path)}{usage}".rstrip(), _text(shape.about or shape.help)]
    for example in shape.examples:
        lines += [".IP", f"Example: {_text(example)}"]
    own = [option for option in shape.options if not option.is_global]
    if own:
        lines += [".RS", *(line for option in own for line in _option(option)), ".RE"]
    return lines


def _option(option: Option) -> list[str]:
    head = _text(" ".join([", ".join(option.flags), option.metavar]).strip())
    return [".TP", f".B {head}", _text(option.help)]


def _general(option: Option) -> Option:
    """A global option without what one command added to its help."""
    for _, flags, _, _, text in GLOBALS:
        if flags == option.flags:
            return option._replace(help=text)
    return option


def _text(text: str) -> str:
    """`text` as roff shows it literally."""
    shown = text.translate(_ROFF)
    return "\\&" + shown if shown.startswith(".") else shown
