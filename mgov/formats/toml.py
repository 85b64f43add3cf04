"""TOML 1.0, read with the standard library's parser behind limits, and written by tomli_w.

The parser is quadratic in the parts of a dotted key and recursive in nesting, so both are bounded before it starts.
It is imported, and the patterns below are compiled, where they are first needed: a command that reads only what was
parsed before pays for neither.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mgov.formats.malformed import Malformed, decode

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DOTTED_PARTS = 64
_KEY_PART = r"[A-Za-z0-9_\"' \t-]+"
_NESTED = r"(?:[\[{]\s*){200}"
_QUOTED = r'"""(?:[^\\]|\\.)*?"{3,5}|"(?:[^"\\\n]|\\.)*"' r"|'''.*?'{3,5}|'[^'\n]*'" r"|#[^\n]*"
_AT = r"^(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$"


def parse(data: bytes, *, max_bytes: int) -> dict[str, Any]:
    """The tables in `data`; raise Malformed with line and column. `max_bytes` bounds the work."""
    if len(data) > max_bytes:
        raise Malformed(f"it has {len(data)} bytes, at most {max_bytes} are read")
    text = decode(data)
    _refuse_costly(text)
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _placed(str(error), text) from None
    except RecursionError:
        raise Malformed("it is nested too deeply") from None
    except ValueError as error:                 # no such day, or a limit of Python's own
        if "set_int_max_str_digits" in str(error):
            raise Malformed("a number in it has too many digits") from None
        raise Malformed(f"a time in it cannot be read: {error}") from None


def _refuse_costly(text: str) -> None:
    if text.count("[") + text.count("{") < 200 and all(line.count(".") < MAX_DOTTED_PARTS for line in text.split("\n")):
        return
    # Only keys and brackets cost; a text in quotes or a comment may hold any number of dots and brackets.
    bare = re.sub(_QUOTED, lambda found: "x" + "\n" * found[0].count("\n"), text, flags=re.DOTALL)
    for number, line in enumerate(bare.split("\n"), 1):
        if line.count(".") >= MAX_DOTTED_PARTS and _longest_run(line) >= MAX_DOTTED_PARTS:
            raise Malformed(f"a key has more than {MAX_DOTTED_PARTS} dotted parts", number, 1)
    if nested := re.search(_NESTED, bare):
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
        run = run + 1 if re.fullmatch(_KEY_PART, part) else 0
        longest = max(longest, run)
    return longest


def _placed(message: str, text: str) -> Malformed:
    found = re.match(_AT, message, re.DOTALL)
    if not found:
        return Malformed(message)
    what = found["what"][:1].lower() + found["what"][1:]
    if found["line"]:
        return Malformed(what, int(found["line"]), int(found["column"]))
    return Malformed(f"{what}, at the end", text.count("\n") + 1)
