"""An answer, made once: columns and rows that the printers turn into any format."""

from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

TABLE, WIDE, PLAIN, JSON, JSONL, CSV, NAME = STANDARD = ("table", "wide", "plain", "json", "jsonl", "csv", "name")
TEXT = ("text",)                                        # the formats of a command that answers with one text


class Column(NamedTuple):
    """A column: its name is the key in JSON, the header in a table, and what --columns picks.

    `show` makes a person's form of a value (an age, a local time) for table and wide; the other formats get the
    value itself. `style` names the SGR style of a value, or None. Where a terminal is too narrow, columns of `cut_rank`
    0 lose cells first and those of 2 last; a cell of `is_folded` words that ends a table's row goes on below instead. A
    table leaves out an optional column in which no row has a value.
    """

    name: str
    align: str = "left"
    is_wide_only: bool = False
    show: "Callable[[Any], str] | None" = None
    style: "Callable[[Any], str | None] | None" = None
    cut_rank: int = 1
    is_folded: bool = False
    is_optional: bool = False


class View(NamedTuple):
    """An answer.

    `data` is the JSON document (default: a list with one object per row). Both it and `rows` may be functions that
    make them, so that an answer of thousands is made in the one form that is printed. `status` is the exit status.
    `names` is what -o name prints (default: the first column). `summary` is talk, printed on stderr after the answer.
    `extras` holds the command's own formats: each makes its whole text. `has_header` is off for key and value rows.
    """

    columns: "Sequence[Column]" = ()
    rows: "Sequence[Sequence[Any]] | Callable[[], Sequence[Sequence[Any]]]" = ()
    data: "Any" = None
    status: int = 0
    names: "Sequence[str] | None" = None
    summary: str = ""
    extras: "Mapping[str, Callable[[], str]]" = {}
    has_header: bool = True

    def document(self) -> "Any":
        """What -o json prints."""
        if self.data is not None:
            return self.data() if callable(self.data) else self.data
        keys = [c.name for c in self.columns]
        return [dict(zip(keys, row, strict=True)) for row in self.lines()]

    def lines(self) -> "Sequence[Sequence[Any]]":
        """The rows, made now where they are not yet."""
        return self.rows() if callable(self.rows) else self.rows
