"""Documents that know their lines: the mappings and lists that `yamltext` makes, and how importers look into them.

A document from JSON is made of plain dict and list; its lines are unknown, which is 0. Everything here takes both, and
raises Malformed with the line where something is not what it should be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.formats.malformed import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator


class Table(dict[str, Any]):
    """A mapping; `line` is where it begins, `lines` holds where each key stands."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def adopt(self, other: Table) -> None:
        """Take the entries of `other` that this has not."""
        for key, value in other.items():
            if key not in self:
                self[key] = value
                self.lines[key] = other.lines[key]


class Items(list[Any]):
    """A list; `line` is where it begins, `lines` holds where each item stands."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


def shift(document: Any, by: int) -> None:
    """Add `by` to each line of a document, in place; what aliases share is met once."""
    met: set[int] = set()
    waiting = [document]
    while waiting:
        here = waiting.pop()
        if id(here) in met or not isinstance(here, Table | Items):
            continue
        met.add(id(here))
        here.line += by
        if isinstance(here, Table):
            here.lines = {key: line + by for key, line in here.lines.items()}
            waiting += here.values()
        else:
            here.lines = [line + by for line in here.lines]
            waiting += here


def line_of(parent: Any, key: Any = None) -> int:
    """The line of the entry `key` of a mapping or list, or where it begins itself; 0 when unknown."""
    if not isinstance(parent, Table | Items):
        return 0
    if key is None:
        return parent.line
    return parent.lines.get(key, parent.line) if isinstance(parent, Table) else parent.lines[key]


def table_at(parent: Any, key: str, what: str = "") -> dict[str, Any]:
    """The mapping under `key`; an empty one where there is none."""
    found = parent.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Malformed(f"{what or key} must be a mapping, not {_shown(found)}", line_of(parent, key))
    return found


def items_at(parent: Any, key: str, what: str = "") -> list[Any]:
    """The list under `key`; an empty one where there is none."""
    found = parent.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise Malformed(f"{what or key} must be a list, not {_shown(found)}", line_of(parent, key))
    return found


def tables_at(parent: Any, key: str, what: str = "") -> list[dict[str, Any]]:
    """The list of mappings under `key`."""
    found = items_at(parent, key, what)
    for index, item in enumerate(found):
        if not isinstance(item, dict):
            raise Malformed(f"{what or key} holds {_shown(item)}, not a mapping", line_of(found, index))
    return found


def text_at(parent: Any, key: str, what: str = "") -> str:
    """The text, number or truth value under `key` as text; '' where there is none."""
    return text_of(parent.get(key), what or key, line_of(parent, key))


def text_of(value: Any, what: str, line: int = 0) -> str:
    """A scalar as text, as it would be written in YAML; '' for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise Malformed(f"{what} must be text, not {_shown(value)}", line)


def int_at(parent: Any, key: str, what: str = "") -> int | None:
    """The whole number under `key`, written with or without quotes; None where there is none."""
    value = parent.get(key)
    if value is None or type(value) is int:
        return value
    if isinstance(value, str) and is_number(value):
        return int(value)
    raise Malformed(f"{what or key} must be a whole number, not {_shown(value)}", line_of(parent, key))


def is_number(text: str) -> bool:
    """Whether `text` is a whole number of at most nine digits."""
    return text.isascii() and text.isdigit() and len(text) <= 9


def pairs_at(parent: Any, key: str, what: str = "") -> Iterator[tuple[str, Any, int]]:
    """(name, value, line) of each entry of a mapping, or of a list of `NAME=VALUE` (value None without the `=`)."""
    found = parent.get(key)
    if isinstance(found, list):
        for index, item in enumerate(found):
            line = line_of(found, index)
            name, equals, value = text_of(item, f"an entry of {what or key}", line).partition("=")
            yield name, value if equals else None, line
    else:
        for name, value in table_at(parent, key, what).items():
            yield name, value, line_of(found, name)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else f"{value!r:.40}"
