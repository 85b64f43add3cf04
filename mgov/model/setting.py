"""Settings: the values that a configuration can hold, types told from bare text, and many changes made at once.

`KEY=TEXT` is a number or a boolean only where that prints back identically: `1.10`, `007` and `1e3` stay text. What
must be of a type is written as JSON, `KEY:=JSON`.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from mgov.errors import NotFound, UsageError
from mgov.model.config import leaves, lookup
from mgov.model.key import MAX_PARTS, check_part, format_key, typed_key
from mgov.model.names import suggest
from mgov.model.record import NamedTuple
from mgov.model.secret import MASK, is_secret, masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mgov.model.config import Path, Values

MAX_VALUE_BYTES = 256 * 1024
_INT64 = 2**63
ADDED, REMOVED, CHANGED = "added", "removed", "changed"
_MISSING: Any = object()


class Difference(NamedTuple):
    """One key that is not the same: `action` is added, removed or changed; the value that is missing is None."""

    action: str
    path: Path
    before: Any
    after: Any

    def masked(self) -> Difference:
        """The same with secrets as `***`."""
        return self._replace(before=masked(self.before, self.path), after=masked(self.after, self.path))


def bare_value(text: str) -> Any:
    """The value that bare text means: a boolean, an integer or a float if it prints back as `text`, else the text."""
    if text in ("true", "false"):
        return text == "true"
    for kind, shown in ((int, str), (float, repr)):
        try:
            number = kind(text)
        except ValueError:
            continue
        if shown(number) == text and _is_storable(number):
            return number
    return text


def text_of(value: Any) -> str:
    """A value as one text, as programs read it from their environment: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else to_json(value)


def to_json(value: Any) -> str:
    """Compact JSON, text unescaped, tables in their order."""
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def checksum(values: Mapping[str, Any]) -> str:
    """`sha256:` and the digest of the values as JSON with sorted keys: the same for the same content."""
    import json
    from hashlib import sha256

    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def check_values(values: Any) -> Values:
    """Return `values` if TOML and JSON can both hold it and each value fits; else raise UsageError naming the key."""
    if not isinstance(values, dict):
        raise UsageError(f"a configuration is a table of keys, not {values!r:.40}")
    _check(values, ())
    return values


def with_settings(values: Mapping[str, Any], settings: Mapping[Path, Any]) -> Values:
    """`values` with each path set. A table is made where a key needs one; UsageError where a value stands in its way,
    or a bare value would take the place of a whole table.
    """
    changed = _copied(values)
    for path, value in settings.items():
        table = changed
        for depth, part in enumerate(path[:-1], 1):
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                above = format_key(path[:depth])
                raise UsageError(f"{above} holds a value, so {format_key(path)} cannot be below it",
                                 hint=f"unset {above} first")
        if isinstance(table.get(path[-1]), dict) and table[path[-1]] and not isinstance(value, dict):
            raise UsageError(f"{format_key(path)} is a table, not a single value", hint="unset it first")
        table[path[-1]] = value
    return changed


def without_settings(values: Mapping[str, Any], paths: Iterable[Path]) -> Values:
    """`values` without each path, and without the tables that this leaves empty; NotFound for one that is not set."""
    changed = _copied(values)
    for path in paths:
        try:
            lookup(changed, path)
        except KeyError:
            raise NotFound(f"no key {format_key(path)}", hint=key_hint(values, path)) from None
        _drop(changed, path)
    return changed


def key_hint(values: Mapping[str, Any], path: Path) -> str | None:
    """A hint for a key that is not set."""
    known = {format_key(leaf): leaf for leaf, _ in leaves(values)}
    near = suggest(format_key(path), list(known))
    return f"did you mean {typed_key(known[near])}?" if near else None


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are equal in kind too: 1, 1.0 and true are three values. The order of keys does not count."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What is not the same, by key."""
    left, right = dict(leaves(before)), dict(leaves(after))
    found = []
    for path in sorted({*left, *right}):
        old, new = left.get(path, _MISSING), right.get(path, _MISSING)
        if old is _MISSING:
            found.append(Difference(ADDED, path, None, new))
        elif new is _MISSING:
            found.append(Difference(REMOVED, path, old, None))
        elif not is_same(old, new):
            found.append(Difference(CHANGED, path, old, new))
    return found


def refuse_secrets(before: Mapping[str, Any], after: Mapping[str, Any], *, is_plain: bool) -> None:
    """Raise UsageError where `after` brings a plain secret that `before` had not, unless `is_plain`, or a mask."""
    for change in differences(before, after):
        if not is_secret(change.path, change.after):
            continue
        key = format_key(change.path)
        if change.after == MASK:
            raise UsageError(f"{key} is {MASK}, which stands for a secret that was masked", hint="leave it out")
        if not is_plain:
            raise UsageError(
                f"{key} looks like a secret, and a store is no place for one",
                hint=f"keep a reference: {key}=env:NAME or {key}=file:/PATH; or insist with --plain",
            )


def _check(value: Any, path: Path) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise UsageError(f"the key {key!r:.40} must be text in quotes")
            check_part(key, key)
            if len(path) >= MAX_PARTS:
                raise UsageError(f"{format_key(path)[:80]} is nested too deeply, at most {MAX_PARTS} parts fit")
            _check(item, (*path, key))
    elif isinstance(value, list):
        if len(path) + _depth(value) > MAX_PARTS:
            raise UsageError(f"{format_key(path)[:80]} is nested too deeply, at most {MAX_PARTS} parts fit")
        _check_size(value, path)
        for item in value:
            _check(item, path)
    else:
        if problem := _problem(value):
            raise UsageError(f"{format_key(path):.80} {problem[0]}", hint=problem[1])
        _check_size(value, path)


def _problem(value: Any) -> tuple[str, str | None] | None:
    """What is wrong with a value that is no table and no list, and a hint; None where it can be kept."""
    if isinstance(value, str):
        is_text = "\0" not in value and (value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value))
        return None if is_text else ("holds a character that is not text", None)
    if isinstance(value, bool | int | float):
        return None if _is_storable(value) else ("is not a finite number of at most 64 bits", None)
    if value is None:
        return "is null, which TOML cannot hold", "leave it out"
    return f"is a {type(value).__name__}, which JSON cannot hold", "put it in quotes"


def _check_size(value: Any, path: Path) -> None:
    size = len(value.encode()) if isinstance(value, str) else 0
    if isinstance(value, list):
        size = sum(len(item.encode("utf-8", "replace")) if isinstance(item, str) else 8 for item in value)
    if size > MAX_VALUE_BYTES:
        raise UsageError(
            f"{format_key(path):.80} has {size} bytes, at most {MAX_VALUE_BYTES} are kept",
            hint="keep it in a file, and a reference here: file:/PATH",
        )


def _depth(value: Any) -> int:
    """How many lists and tables are inside each other, counted up to the limit."""
    level, depth = [value], 0
    while level and depth <= MAX_PARTS:
        level = [item for node in level for item in (node.values() if isinstance(node, dict) else node)
                 if isinstance(item, dict | list)]
        depth += 1
    return depth


def _is_storable(number: int | float) -> bool:
    return -_INT64 <= number < _INT64 if isinstance(number, int) else isfinite(number)


def _copied(values: Mapping[str, Any]) -> Values:
    return {key: _copied(value) if isinstance(value, dict) else value for key, value in values.items()}


def _drop(table: Values, path: Path) -> None:
    if len(path) == 1:
        del table[path[0]]
        return
    inner = table[path[0]]
    _drop(inner, path[1:])
    if not inner:
        del table[path[0]]
