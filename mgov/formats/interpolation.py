"""Variables in a compose file (Compose Specification, "Interpolation"): `$A ${A} ${A:-x} ${A-x} ${A:?x} ${A:+x} $$`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.formats.malformed import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

HINT = "docker compose config | mgov import compose -"
MAX_NESTED = 20
MAX_CHARS = 128 * 1024                          # Linux takes no longer variable; A=$B$B, B=$C$C ... would have no end
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_WORD = _LETTERS | frozenset("0123456789")


class Unset(Malformed):
    """A variable without a value and without a default."""


def interpolate(text: str, environ: Mapping[str, str], *, line: int = 0) -> str:
    """`text` with its variables replaced; Unset names one that `environ` lacks, Malformed one that is not ended."""
    return _replaced(text, environ, line, 0) if "$" in text else text


def _replaced(text: str, environ: Mapping[str, str], line: int, depth: int) -> str:
    if depth > MAX_NESTED:
        raise Malformed("variables in it are nested too deeply", line)
    parts, at, size = [], 0, 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        after = text[dollar + 1 : dollar + 2]
        if after == "$":
            parts.append("$")
            at = dollar + 2
        elif after == "{":
            end = _closing(text, dollar + 2, line)
            parts.append(_value(text[dollar + 2 : end], environ, line, depth))
            at = end + 1
        elif after in _LETTERS and after:
            end = _name_end(text, dollar + 1)
            parts.append(_known(text[dollar + 1 : end], environ, line))
            at = end
        else:
            raise Malformed(f"{text[dollar:dollar + 20]!r} is not a variable; a plain $ is written $$", line)
        size += len(parts[-1])
        if size > MAX_CHARS:
            raise Malformed(f"its variables make it longer than {MAX_CHARS} characters", line)
    parts.append(text[at:])
    return "".join(parts)


def _closing(text: str, start: int, line: int) -> int:
    depth = 1
    for at in range(start, len(text)):
        if text[at] == "{" and text[at - 1] == "$":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    raise Malformed(f"{text[start - 2 : start + 20]!r} has no closing brace", line)


def _name_end(text: str, start: int) -> int:
    end = start
    while end < len(text) and text[end] in _WORD:
        end += 1
    return end


def _value(inside: str, environ: Mapping[str, str], line: int, depth: int) -> str:
    end = _name_end(inside, 0)
    name, rest = inside[:end], inside[end:]
    if not name or name[0] not in _LETTERS:
        raise Malformed(f"{f'${{{inside}}}'!r:.60} is not a variable", line)
    counts_empty = rest.startswith(":")
    operator, word = rest[counts_empty : counts_empty + 1], rest[counts_empty + 1 :]
    value = environ.get(name)
    is_there = bool(value) if counts_empty else value is not None
    if operator == "-":
        return value or "" if is_there else _replaced(word, environ, line, depth + 1)
    if operator == "+":
        return _replaced(word, environ, line, depth + 1) if is_there else ""
    if operator == "?" and not is_there:
        raise Unset(f"${{{name}}} is not set: {word:.80}", line, hint=HINT)
    if rest and operator != "?":
        raise Malformed(f"{f'${{{inside}}}'!r:.60} is not a variable", line)
    return _known(name, environ, line)


def _known(name: str, environ: Mapping[str, str], line: int) -> str:
    if name not in environ:
        raise Unset(f"${{{name}}} is not set", line, hint=HINT)
    return environ[name]
