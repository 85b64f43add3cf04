"""Text and tables of a page. All that is foreign passes through `text`; nothing else may put it into markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.formats.visible import clean
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_TEXT_CHARS = 300                            # of one foreign text in a cell


class Raw(str):
    """Markup that this package made; any other text is escaped."""

    __slots__ = ()


class Head(NamedTuple):
    """A column's head: its words, whether its cells are numbers, whether a phone's width may do without it, and whether
    it holds sentences, which need some width."""

    words: str
    is_number: bool = False
    is_minor: bool = False
    is_wide: bool = False


def text(value: str) -> Raw:
    """`value` as characters of HTML, in content and in quoted attributes: what could steer the reader's eye (control
    and direction characters) is shown as an escape, what is very long is cut."""
    if len(value) > MAX_TEXT_CHARS:
        value = value[: MAX_TEXT_CHARS - 1] + "…"
    shown = clean(value)
    if "&" in shown or "<" in shown or ">" in shown or '"' in shown:
        shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return Raw(shown)


def markup(value: str) -> str:
    """`value` as it may stand in a page: made here, or escaped now."""
    return value if type(value) is Raw else text(value)


_NAMES = {"kind": "class", "label": "aria-label"}


def element(tag: str, content: str, **attributes: str) -> Raw:
    """`<tag attributes>content</tag>`; `kind` is the class."""
    said = "".join(f' {_NAMES.get(name, name)}="{text(value)}"' for name, value in attributes.items() if value)
    return Raw(f"<{tag}{said}>{markup(content)}</{tag}>")


def joined(parts: Iterable[str], between: str = "") -> Raw:
    """The parts one after another."""
    return Raw(between.join(markup(part) for part in parts))


def code(command: str) -> Raw:
    """A command line."""
    return element("code", command)


def table(
    label: str, heads: Sequence[Head], rows: Iterable[Sequence[str]], *, most_bytes: int, rest: str
) -> Raw:
    """A table that can be sorted and searched. Rows end where they would take more than `most_bytes`; then a line says
    how many more there are, and that the command `rest` lists them. A cell of '' is empty; the end tags that HTML lets
    one leave out are left out."""
    lines: list[str] = []
    used = left = 0
    for row in rows:
        if left or used > most_bytes:
            left += 1
            continue
        line = "<tr><td>" + "<td>".join([markup(cell) for cell in row])
        used += len(line) + 1
        lines.append(line)
    head = "".join(_head(one) for one in heads)
    kinds = "".join(
        f" {kind}{number}"                      # a class for the column, rather than one on each cell
        for number, one in enumerate(heads, 1)
        for kind, is_so in (("num", one.is_number), ("minor", one.is_minor), ("wide", one.is_wide))
        if is_so
    )
    more = f'<p class="more">and {left:,} more: {code(rest)}</p>' if left else ""
    return Raw(
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(label)}"><table class="rows{kinds}">'
        f'<caption class="quiet">{text(label)}</caption><thead><tr>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + f"\n</tbody></table></div>{more}\n"
    )


def _head(head: Head) -> str:
    return f'<th scope="col"{" class=num" if head.is_number else ""}>{text(head.words)}</th>'


