"""JSON as RFC 8259 means it: no NaN, no doubled keys, no lone surrogates, bounded depth.

The standard parser accepts the first three and is recursive.
"""

from __future__ import annotations

import json
from typing import Any

from mgov.formats.malformed import MAX_DEPTH, Malformed, decode


def parse(data: bytes, *, max_bytes: int) -> Any:
    """The value in `data`; raise Malformed with line and column where the parser knows them."""
    if len(data) > max_bytes:
        raise Malformed(f"it has {len(data)} bytes, at most {max_bytes} are read")
    text = decode(data)
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        why = error.msg.removesuffix(" at").removesuffix(" starting")
        raise Malformed(why[:1].lower() + why[1:], error.lineno, error.colno) from None
    except RecursionError:
        raise Malformed("it is nested too deeply") from None
    except Malformed:
        raise
    except ValueError:                          # Python's own limit (sys.set_int_max_str_digits)
        raise Malformed("a number in it has too many digits") from None
    if "\\u" in text:
        _no_surrogates(value)
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _no_abyss(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        seen: set[str] = set()
        doubled = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Malformed(f"the key {doubled!r:.80} stands twice in one object")
    return table


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Malformed(f"{text:.40} is too large a number")
    return number


def _no_abyss(value: Any) -> None:
    # Whoever walks the value recursively must come back: the parser itself goes deeper than they can.
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH + 1):
        level = [item for node in level for item in (node.values() if isinstance(node, dict) else node)
                 if isinstance(item, dict | list)]
        if not level:
            return
    raise Malformed("it is nested too deeply")


def _no_constant(name: str) -> None:
    raise Malformed(f"{name} is not JSON")


def _no_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Malformed("a string in it holds half of a surrogate pair") from None
    except RecursionError:
        raise Malformed("it is nested too deeply") from None
