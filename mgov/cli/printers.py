"""Generic printers: one View in, the text of one format out.

plain and csv are read by programs, table and wide by people; json is exact. A row is always one line but in csv,
where RFC 4180 quotes a line break inside a cell, and in a table whose last column is folded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from mgov.cli.text import BOLD, GAP, HOSTILE, MAX_CELL_CHARS, cells, clean, cut, fit, pad, paint, shorten, wrapped
from mgov.cli.view import Column, View
from mgov.model.names import suggest
from mgov.model.record import NamedTuple

_NARROWEST = 4                                          # cells left to a column before whole lines are cut
_LONG = 16                                              # cells of which enough is left to tell what was cut
_FOLDED_LEAST = 24                                      # cells below which folded words are no longer read as a line
_NARROWEST_WRAPPED = 8                                  # and before its words are no longer told on further lines
_FORMULA = ("=", "+", "-", "@", "\t", "\r")             # what a spreadsheet takes for a formula (OWASP, CSV injection)


class Look(NamedTuple):
    """How a table looks: the terminal's width (None: never cut), colours, the filter for text, the ellipsis."""

    width: int | None
    has_color: bool
    shown: Callable[[str], str]
    ellipsis: str = "…"


def as_text(value: Any) -> str:
    """A value in one cell: nothing for None, true and false, lists with commas, mappings as k=v."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, Mapping):
        return ",".join(f"{key}={as_text(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(as_text(item) for item in value)
    return str(value)


def table(view: View, picked: Sequence[str], look: Look, *, is_wide: bool = False) -> str:
    """Aligned columns under a header, no lines; cut to the terminal's width. Nothing when there are no rows.

    Without a header the rows tell one thing, and nothing of it is cut while there is room for words: cells go on below.
    """
    chosen = pick(view.columns, picked, is_wide=is_wide)
    rows = view.lines()
    if not picked:
        chosen = [i for i in chosen if not view.columns[i].is_optional or any(row[i] for row in rows)]
    if not rows or not chosen:
        return ""
    columns = [view.columns[i] for i in chosen]
    lines = [[_person(view.columns[i], row[i], look) for i in chosen] for row in rows]
    styles = [[_style(view.columns[i], row[i], look) for i in chosen] for row in rows]
    header = [look.shown(c.name.replace("_", " ").upper()) for c in columns]
    measured = [header, *lines] if view.has_header else lines
    widths = [max(cells(line[i]) for line in measured) for i in range(len(columns))]
    if look.width is not None:
        told = [max(cells(line[i]) for line in lines) for i in range(len(columns))]
        ranks = [c.cut_rank for c in columns]
        least = min(_FOLDED_LEAST, widths[-1])
        beside = _squeeze(widths[:-1], look.width - least - len(GAP), ranks[:-1], told[:-1])
        room = look.width - sum(beside) - len(GAP) * len(beside)
        first = len(columns)                            # the first column whose cells go on below
        if columns[-1].is_folded and room >= least:
            widths = [*beside, min(widths[-1], room)]
            first -= 1
        else:
            widths = _squeeze(widths, look.width, ranks, told)
            if not view.has_header and min(widths) >= _NARROWEST_WRAPPED:
                first = 0
        lines, styles = _told_whole(lines, styles, widths, first)
    out = [_line(line, style, columns, widths, look) for line, style in zip(lines, styles, strict=True)]
    if view.has_header:
        out.insert(0, _line(header, [BOLD if look.has_color else None] * len(columns), columns, widths, look))
    return "".join(out)


def _told_whole(
    lines: Sequence[Sequence[str]], styles: Sequence[list[str | None]], widths: Sequence[int], first: int
) -> tuple[list[list[str]], list[list[str | None]]]:
    """The rows with what the columns from `first` on are too narrow for in rows below, and the style of each."""
    told, painted = [], []
    for line, style in zip(lines, styles, strict=True):
        pieces = [[text] for text in line[:first]]
        pieces += [wrapped(text, width) for text, width in zip(line[first:], widths[first:], strict=True)]
        for number in range(max(map(len, pieces))):
            told.append([parts[number] if number < len(parts) else "" for parts in pieces])
            painted.append(style)
    return told, painted


def aligned(view: View, picked: Sequence[str], widths: Sequence[int], look: Look) -> str:
    """The rows of a table whose other rows are not known yet: cells padded to the `widths` of the view's columns."""
    chosen = pick(view.columns, picked)
    columns = [view.columns[i] for i in chosen]
    return "".join(
        _line(
            line,
            [_style(view.columns[i], row[i], look) for i in chosen],
            columns,
            [max(widths[i], cells(text)) for i, text in zip(chosen, line, strict=True)],
            look,
        )
        for row in view.lines()
        for line in [[_whole(view.columns[i], row[i], look) for i in chosen]]
    )


def pick(columns: Sequence[Column], picked: Sequence[str], *, is_wide: bool = True) -> list[int]:
    """The indexes of the columns to print: those picked, in that order, or all that the format shows."""
    if not picked:
        return [i for i, c in enumerate(columns) if is_wide or not c.is_wide_only]
    names = [c.name for c in columns]
    missing = [name for name in picked if name not in names]
    if missing:
        from mgov.errors import UsageError

        near = suggest(missing[0], names)
        hint = f"did you mean {near}? " if near else ""
        raise UsageError(f"unknown column: {missing[0]}", hint=f"{hint}one of {', '.join(names)}")
    return [names.index(name) for name in picked]


def _person(column: Column, value: Any, look: Look) -> str:
    if column.is_folded:
        return _whole(column, value, look) or "-"
    text = as_text(column.show(value) if column.show else value)
    return shorten(look.shown(text[: MAX_CELL_CHARS + 1]), look.ellipsis) or "-"


def _whole(column: Column, value: Any, look: Look) -> str:
    """A person's form of a value, however long it is."""
    return look.shown(as_text(column.show(value) if column.show else value))


def _style(column: Column, value: Any, look: Look) -> str | None:
    return column.style(value) if column.style and look.has_color else None


def _squeeze(widths: Sequence[int], width: int, ranks: Sequence[int], told: Sequence[int]) -> list[int]:
    """Take cells from the widest column of the lowest rank until the line fits or nothing can be taken.

    Behind rank 0 and what is long, the headers are cut that are wider than what is `told` below them: a header can be
    guessed from its beginning, a name cannot.
    """
    left = sum(widths) + len(GAP) * (len(widths) - 1) - width
    squeezed = list(widths)
    everyone = range(len(widths))
    steps = [([i for i in everyone if ranks[i] == rank], [_NARROWEST] * len(widths)) for rank in sorted({0, *ranks})]
    steps[1:1] = [([*everyone], [_LONG] * len(widths)), ([*everyone], [max(_NARROWEST, own) for own in told])]
    for near, least in steps:
        while left > 0:
            wide = [i for i in near if squeezed[i] > least[i]]
            if not wide:
                break
            widest = max(wide, key=lambda i: squeezed[i])
            floor = max([least[widest], *(squeezed[i] for i in wide if i != widest)])
            take = min(left, max(1, squeezed[widest] - floor))
            squeezed[widest] -= take
            left -= take
    return squeezed


def _line(
    line: Sequence[str], styles: Sequence[str | None], columns: Sequence[Column], widths: Sequence[int], look: Look
) -> str:
    parts, room = [], look.width
    last = len(line) - 1
    for i, (text, width) in enumerate(zip(line, widths, strict=True)):
        if room is not None:
            width = min(width, room)
            room -= min(room, width + len(GAP))
        text = cut(text, width, look.ellipsis)
        to_right = columns[i].align == "right"
        padded = text if i == last and not to_right else pad(text, width, to_right=to_right)
        parts.append(paint(padded, styles[i]))
        if room == 0:
            break
    return GAP.join(parts).rstrip(" ") + "\n"


def plain(view: View, picked: Sequence[str], shown: Callable[[str], str]) -> str:
    """Tab-separated rows of all columns that are not wide-only, no header, nothing cut, one line per row."""
    chosen = pick(view.columns, picked, is_wide=False)
    return "".join("\t".join([shown(as_text(row[i])) for i in chosen]) + "\n" for row in view.lines())


def names(view: View, shown: Callable[[str], str]) -> str:
    """One name a line."""
    listed = view.names if view.names is not None else [as_text(row[0]) for row in view.lines()]
    return "".join(shown(name) + "\n" for name in listed)


def csv_text(view: View, picked: Sequence[str], *, has_header: bool = True) -> str:
    """RFC 4180 with a header row; text that a spreadsheet would take for a formula begins with a quote."""
    import csv
    import io

    chosen = pick(view.columns, picked)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    if has_header:
        writer.writerow([view.columns[i].name for i in chosen])
    writer.writerows([[_csv_cell(row[i]) for i in chosen] for row in view.lines()])
    return out.getvalue()


def _csv_cell(value: Any) -> str:
    text = as_text(value)
    is_formula = text.startswith(_FORMULA) and text != "-" and not isinstance(value, (int, float))
    return clean("'" + text if is_formula else text, keep="\t\n")


@cache
def _json_escapes() -> dict[int, str]:
    """Made when the first text needs it: most answers are ASCII."""
    return {code: f"\\u{code:04x}" for code in HOSTILE if code >= 0x7F}


def json_text(document: Any, encoding: str = "utf-8", *, is_lines: bool = False) -> str:
    """One document with two spaces of indent, or one line per element of a list.

    Characters that could act on a terminal, and lone surrogates, are written as \\uXXXX; everything else is UTF-8,
    or ASCII where the stream's encoding cannot show it.
    """
    write = _writer(encoding, indent=None if is_lines else 2)
    if not is_lines:
        return write(document) + "\n"
    lines = document if isinstance(document, list) else [document]
    return "".join([write(line) + "\n" for line in lines])


def _writer(encoding: str, indent: int | None) -> Callable[[Any], str]:
    import json

    exact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent)
    escaped = json.JSONEncoder(ensure_ascii=True, allow_nan=False, indent=indent)

    def write(document: Any) -> str:
        text = exact.encode(document)
        if text.isascii() and "\x7f" not in text:
            return text
        text = text.translate(_json_escapes())
        return text if fit(text, encoding) == text else escaped.encode(document).replace("\x7f", "\\u007f")

    return write
