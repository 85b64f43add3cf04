"""A screen of sections: a label at the left, cells in columns beside it, one line each, cut or wrapped to the width."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mgov.cli.text import BOLD, GAP, cells, cut, pad, paint, shorten, wrapped
from mgov.model.record import NamedTuple
from mgov.model.units import format_age

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.cli.output import Output

    Cell = tuple[str, str | None]               # a text and its SGR style

GUTTER = 10
WIDEST_CELL = 28
NARROWEST_TEXT = 20
USUAL_HEIGHT = 24
AHEAD_S = 2.0                                   # clocks of two machines may differ by this and nobody is told

class Section(NamedTuple):
    """Rows under one label. The last cell of a row takes what is left of the line, or the next line where that is too
    little: it is cut, or goes on below."""

    label: str
    rows: Sequence[Sequence[Cell]]
    wraps: bool = False


def height_of(out: Output) -> int | None:
    """The lines of the terminal behind stdout; None when there is no terminal."""
    if not out.is_terminal or out.stdout is None:
        return None
    try:
        return os.get_terminal_size(out.stdout.fileno()).lines or USUAL_HEIGHT
    except (OSError, ValueError):
        return USUAL_HEIGHT


def render(sections: Sequence[Section], out: Output) -> str:
    """The lines of all sections that have any, foreign text made safe."""
    has_color = out.has_color(out.stdout)
    lines = []
    for section in sections:
        label = section.label
        for line in _lines(section, out, has_color=has_color):
            lines.append(paint(pad(label, GUTTER), BOLD if has_color and label else None) + line)
            label = ""
    return "".join(line.rstrip() + "\n" for line in lines)


def ago(at: float, now: float) -> str:
    """How long ago, for a person; a time that lies ahead is no time that passed, and is said."""
    return f"{format_age(at - now)} ahead of this clock" if at > now + AHEAD_S else f"{format_age(now - at)} ago"


def lasting(since: float | None, now: float) -> str:
    """For how long something has been so: `for 12m`; '' where nobody knows."""
    if since is None:
        return ""
    return f"since {format_age(since - now)} ahead" if since > now + AHEAD_S else f"for {format_age(now - since)}"


def _lines(section: Section, out: Output, *, has_color: bool) -> list[str]:
    shown = [[(shorten(out.shown(text)), style) for text, style in row] for row in section.rows]
    columns = max((len(row) for row in shown), default=0)
    widths = [
        min(WIDEST_CELL, max((cells(row[i][0]) for row in shown if i < len(row) - 1), default=0))
        for i in range(columns)
    ]
    lines = []
    for row in shown:
        *heads, (text, style) = row
        parts = [
            _painted(pad(cut(head, width), width), how, has_color)
            for (head, how), width in zip(heads, widths, strict=False)
        ]
        before = sum(width + len(GAP) for width in widths[: len(heads)])
        room = None if out.width is None else out.width - GUTTER - before
        if room is not None and room < NARROWEST_TEXT and heads:
            lines.append(_painted(cut(GAP.join(head for head, _ in heads if head), room + before), None, False))
            parts, before, room = [], len(GAP), room + before - len(GAP)
        room = None if room is None else max(NARROWEST_TEXT, room)
        pieces = [text] if room is None else wrapped(text, room) if section.wraps else [cut(text, room)]
        for number, piece in enumerate(pieces):
            head = GAP.join([*parts, ""]) if number == 0 and parts else " " * before
            lines.append(head + _painted(piece, style, has_color))
    return lines


def _painted(text: str, style: str | None, has_color: bool) -> str:
    return paint(text, style) if has_color else text
