"""Keys of a configuration: paths of parts, written as TOML's dotted keys.

A part of letters, digits, `-` and `_` stands bare, any other in quotes: `hosts."a.example.com".port`. On the path of a
hot verb.
"""

from mgov.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mgov.model.config import Path

MAX_PARTS = 32
MAX_PART_CHARS = 256
_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def parse_key(text: str) -> "Path":
    """The path that `text` writes; raise UsageError."""
    parts: list[str] = []
    rest = text
    while True:
        part, rest = _quoted(text, rest) if rest[:1] in ('"', "'") else _bare(text, rest)
        parts.append(check_part(part, text))
        if not rest:
            return check_depth(tuple(parts))
        rest = rest[1:]


def format_key(path: "Iterable[str]") -> str:
    """The text that `parse_key` reads back to `path`."""
    return ".".join(part if part and _BARE.issuperset(part) else _in_quotes(part) for part in path)


def typed_key(path: "Iterable[str]") -> str:
    """As `format_key`, for a shell: it would take the quotes of a part for its own."""
    from shlex import quote

    return quote(format_key(path))


def check_part(part: str, shown: str) -> str:
    """Return `part` if it can be part of a key: some text, no control characters; else raise UsageError."""
    if not part:
        raise UsageError(f"the key {shown[:80]!r} has an empty part")
    if len(part) > MAX_PART_CHARS:
        raise UsageError(f"the key {shown[:80]!r} has a part of {len(part)} characters, at most {MAX_PART_CHARS} fit")
    if not part.isprintable():
        raise UsageError(f"the key {shown[:80]!r} holds a character that is not text")
    return part


def check_depth(path: "Path") -> "Path":
    """Return `path` unless it is too deep."""
    if len(path) > MAX_PARTS:
        raise UsageError(f"the key {format_key(path)[:80]!r} has {len(path)} parts, at most {MAX_PARTS} fit")
    return path


def split_at_equals(text: str) -> "tuple[str, str, str]":
    """(key, '=' or ':=', the rest) of `KEY=TEXT` or `KEY:=JSON`; a '=' within quotes belongs to the key.

    The sign is '' where there is none.
    """
    quote = ""
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote and text[i - 1] != "\\" else quote
        elif c in "\"'":
            quote = c
        elif c == "=":
            is_json = text[i - 1 : i] == ":"
            return text[: i - is_json], ":=" if is_json else "=", text[i + 1 :]
    return text, "", ""


def _bare(text: str, rest: str) -> "tuple[str, str]":
    part, dot, after = rest.partition(".")
    if not _BARE.issuperset(part):
        check_part(part, text)
        raise UsageError(
            f"{text[:80]!r} is not a key: a part with other characters than letters, digits, '-' and '_' is quoted",
            hint=f"write it like {typed_key([part])}",
        )
    return part, dot + after


def _quoted(text: str, rest: str) -> "tuple[str, str]":
    quote, i, part = rest[0], 1, ""
    while i < len(rest) and rest[i] != quote:
        if rest[i] == "\\" and quote == '"' and rest[i + 1 : i + 2] in ("\\", '"'):
            i += 1
        part += rest[i]
        i += 1
    if i >= len(rest) or rest[i + 1 : i + 2] not in ("", "."):
        raise UsageError(f"{text[:80]!r} is not a key: a quote in it is not closed before a dot or the end")
    return part, rest[i + 1 :]


def _in_quotes(part: str) -> str:
    return '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'
