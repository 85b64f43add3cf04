"""Text that others wrote, made safe (see `mgov.formats.visible`) and measured for a terminal."""

from mgov.formats.visible import HOSTILE as HOSTILE
from mgov.formats.visible import clean as clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CELL_CHARS = 200
_ANY_CHARACTER = 3                                      # cells that hold one of any width, and what `cut` keeps free
GAP = "  "                                              # between two columns, and before a line that goes on
BOLD, DIM, RED, GREEN, YELLOW = "1", "2", "31", "32", "33"


def fit(text: str, encoding: str) -> str:
    """`text` as `encoding` can show it: what it cannot is backslash-escaped, never an exception."""
    if text.isascii():
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


def cells(text: str) -> int:
    """How many terminal cells `text` takes; wide characters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, width: int, ellipsis: str = "…") -> str:
    """`text` in at most `width` cells, its end replaced by the ellipsis where it is longer."""
    if cells(text) <= width:
        return text
    kept, used = [], 1
    for c in text:
        used += cells(c)
        if used > width:
            break
        kept.append(c)
    return "".join(kept) + ellipsis if width > 0 else ""


def shorten(text: str, ellipsis: str = "…") -> str:
    """The first MAX_CELL_CHARS characters of `text`, the last of them an ellipsis where more was there."""
    return text if len(text) <= MAX_CELL_CHARS else text[: MAX_CELL_CHARS - 1] + ellipsis


def pad(text: str, width: int, *, to_right: bool = False) -> str:
    """`text` filled with spaces to `width` cells."""
    space = " " * (width - cells(text))
    return space + text if to_right else text + space


def paint(text: str, style: str | None) -> str:
    """`text` in an SGR style of ECMA-48, such as BOLD or RED; as it is when `style` is None or ''."""
    return f"\x1b[{style}m{text}\x1b[0m" if style else text


def wrapped(text: str, room: int) -> "list[str]":
    """`text` in lines of at most `room` cells, broken at spaces where there are any; later lines are indented."""
    if cells(text) <= room:
        return [text]
    lines: list[str] = []
    line = ""
    words = text.lstrip(" ")
    indent = " " * min(len(text) - len(words), room // 4)
    room -= len(indent)
    for piece in (piece for word in words.split(" ") for piece in _pieces(word, max(_ANY_CHARACTER, room - len(GAP)))):
        wider = f"{line} {piece}" if line else piece
        if cells(wider) <= room:
            line = wider
        else:
            lines.append(line)
            line = GAP + piece
    return [indent + whole for whole in (*lines, line)]


def _pieces(word: str, room: int) -> "Iterator[str]":
    """A word in parts that fit into `room` cells."""
    while cells(word) > room:
        head = cut(word, room, "")
        yield head
        word = word[len(head) :]
    yield word
