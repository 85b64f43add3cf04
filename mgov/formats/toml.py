"""TOML 1.0, read with the standard library's parser behind limits, and written by tomli_w.

The parser is quadratic in the parts of a dotted key and recursive in nesting, so both are bounded before it starts.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from mgov.formats.malformed import Malformed, decode

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DOTTED_PARTS = 64
_KEY_PART = re.compile(r"[A-Za-z0-9_\"' \t-]+")
_NESTED = re.compile(r"(?:[\[{]\s*){200}")
_QUOTED = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|"(?:[^"\\\n]|\\.)*"' r"|'''.*?'{3,5}|'[^'\n]*'" r"|#[^\n]*", re.DOTALL
)
_AT = re.compile(r"^(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$", re.DOTALL)


def parse(data: bytes, *, max_bytes: int) -> dict[str, Any]:
    """The tables in `data`; raise Malformed with line and column. `max_bytes` bounds the work."""
    if len(data) > max_bytes:
        raise Malformed(f"it has {len(data)} bytes, at most {max_bytes} are read")
    text = decode(data)
    _refuse_costly(text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _placed(str(error), text) from None
    except RecursionError:
        raise Malformed("it is nested too deeply") from None
    except ValueError as error:
        raise Malformed(f"a number or time in it cannot be read: {error}") from None


def _refuse_costly(text: str) -> None:
    if not _NESTED.search(text) and all(line.count(".") < MAX_DOTTED_PARTS for line in text.split("\n")):
        return
    # Only keys and brackets cost; a text in quotes or a comment may hold any number of dots and brackets.
    bare = _QUOTED.sub(lambda found: "x" + "\n" * found[0].count("\n"), text)
    for number, line in enumerate(bare.split("\n"), 1):
        if line.count(".") >= MAX_DOTTED_PARTS and _longest_run(line) >= MAX_DOTTED_PARTS:
            raise Malformed(f"a key has more than {MAX_DOTTED_PARTS} dotted parts", number, 1)
    if nested := _NESTED.search(bare):
        raise Malformed("it is nested too deeply", bare.count("\n", 0, nested.start()) + 1)


def dump(table: Mapping[str, Any]) -> str:
    """TOML text that `parse` reads back to `table`; None values are left out at every depth."""
    import tomli_w

    return tomli_w.dumps(without_none(table), indent=2)


def without_none(value: Any) -> Any:
    """`value` without None at any depth, which TOML cannot say; tuples become lists."""
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [without_none(item) for item in value if item is not None]
    return value


def _longest_run(line: str) -> int:
    longest = run = 0
    for part in line.split("."):
        run = run + 1 if _KEY_PART.fullmatch(part) else 0
        longest = max(longest, run)
    return longest


def _placed(message: str, text: str) -> Malformed:
    found = _AT.match(message)
    if not found:
        return Malformed(message)
    what = found["what"][:1].lower() + found["what"][1:]
    if found["line"]:
        return Malformed(what, int(found["line"]), int(found["column"]))
    return Malformed(f"{what}, at the end", text.count("\n") + 1)
