"""Text that others wrote, made safe and measured for a terminal.

Foreign text never reaches a terminal raw: control, escape, C1 and bidirectional characters, line separators and
lone surrogates are shown as `\\x1b`, `\\u202e`. A backslash that was there stays one: this is for eyes, JSON is exact.
"""

HOSTILE = frozenset((
    *range(0x20), *range(0x7F, 0xA0),                                               # C0, DEL, C1
    0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A),         # direction marks and overrides
    0x2028, 0x2029, 0xFEFF, *range(0xD800, 0xE000),                                 # line separators, BOM, surrogates
))
_NAMED = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
MAX_CELL_CHARS = 200
BOLD, DIM, RED, GREEN, YELLOW = "1", "2", "31", "32", "33"


def clean(text: str, keep: str = "") -> str:
    """`text` with hostile characters shown as escapes, except those in `keep`."""
    if text.isprintable():
        return text
    return "".join(_shown(c) if ord(c) in HOSTILE and c not in keep else c for c in text)


def _shown(c: str) -> str:
    code = ord(c)
    return _NAMED.get(c) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


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
