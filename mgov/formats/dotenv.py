"""Reading .env files: `NAME=value` lines, with `export`, comments, and quotes that may span lines.

What stands in single quotes is kept but for `\\\\` and `\\'`; in double quotes C's escapes are read; bare text ends at
` #` and loses the spaces around it. Nothing is expanded: `$X` stays as it is written. The rules are those of
python-dotenv, against which the tests hold it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.formats.malformed import Malformed, decode

if TYPE_CHECKING:
    from collections.abc import Iterator

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"', "'": "'"}
_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")


def parse(data: bytes, *, max_bytes: int) -> dict[str, str]:
    """The variables in `data`, the last of one name; raise Malformed with the line."""
    if len(data) > max_bytes:
        raise Malformed(f"it has {len(data)} bytes, at most {max_bytes} are read")
    return {name: value for name, value, _ in entries(data)}


def entries(data: bytes, *, may_be_bare: bool = False) -> Iterator[tuple[str, str, int]]:
    """(name, value, line) of each variable in `data`; raise Malformed where something else stands.

    With `may_be_bare`, names alone are passed over: docker takes their values from its own environment.
    """
    text = decode(data).replace("\r\n", "\n").replace("\r", "\n")
    at, line, counted = 0, 1, 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        words = text[at:end].strip()
        if not words or words.startswith("#") or (may_be_bare and _NAME.issuperset(words)):
            at = end + 1
            continue
        line, counted = line + text.count("\n", counted, at), at
        name, at = _name(text, at, end)
        value, at = _value(text, at)
        yield name, value, line


def _name(text: str, at: int, end: int) -> tuple[str, int]:
    before, equals, _ = text[at:end].partition("=")
    words = before.split()
    name = words[-1] if words else ""
    if not equals or words[:-1] not in ([], ["export"]) or not name or not _NAME.issuperset(name):
        raise Malformed(f"{text[at:end].strip()[:40]!r} is not NAME=VALUE", _line(text, at), 1)
    return name, at + len(before) + 1


def _value(text: str, at: int) -> tuple[str, int]:
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    quote = text[at : at + 1]
    if quote in ("'", '"'):
        return _quoted(text, at, quote)
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    bare = text[at:end]
    for mark in (" #", "\t#"):
        bare = bare.partition(mark)[0]
    return bare.strip(), end + 1


def _quoted(text: str, start: int, quote: str) -> tuple[str, int]:
    kept, at = [], start + 1
    while at < len(text) and text[at] != quote:
        if text[at] == "\\" and at + 1 < len(text):
            kept.append(_unescaped(text[at + 1], quote))
            at += 2
        else:
            kept.append(text[at])
            at += 1
    if at >= len(text):
        raise Malformed("a quote is not closed", _line(text, start), 1)
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    behind = text[at + 1 : end].strip()
    if behind and not behind.startswith("#"):
        raise Malformed("more text stands behind the closing quote", _line(text, at), 1)
    return "".join(kept), end + 1


def _unescaped(c: str, quote: str) -> str:
    if quote == "'":
        return c if c in "\\'" else f"\\{c}"
    return _ESCAPES.get(c, f"\\{c}")


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
