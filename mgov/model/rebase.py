"""Making the changes of one branch of a configuration anew on top of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.model.record import NamedTuple
from mgov.model.setting import REMOVED, differences, is_same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.model.config import Path, Values
    from mgov.model.setting import Difference

_MISSING = object()


class Rebased(NamedTuple):
    """The values with the changes made, and the keys that both branches changed, each in its own way."""

    values: Values
    clashes: list[Path]


def rebased(before: Mapping[str, Any], after: Mapping[str, Any], onto: Mapping[str, Any]) -> Rebased:
    """Make what changed from `before` to `after` on `onto`, which came from `before` too; what it brings wins."""
    changes = differences(before, after)
    values = dict(onto)
    for change in sorted(changes, key=lambda change: change.action != REMOVED):
        if _is_outweighed(change, values):
            continue
        if change.action == REMOVED:
            values = _without(values, change.path)
        else:
            values = _with(values, change.path, change.after)
    return Rebased(values, [change.path for change in changes if _is_clash(change, before, after, onto)])


def _is_outweighed(change: Difference, values: Mapping[str, Any]) -> bool:
    """Whether a table that becomes or ceases to be empty has something in it here."""
    under = _at(values, change.path)
    says_nothing = change.after == {} or (change.before == {} and change.action == REMOVED)
    return says_nothing and isinstance(under, dict) and bool(under)


def _is_clash(
    change: Difference, before: Mapping[str, Any], after: Mapping[str, Any], onto: Mapping[str, Any]
) -> bool:
    here = _at(onto, change.path)
    is_known = _is_equal(here, _at(before, change.path)) or _is_equal(here, _at(after, change.path))
    return not is_known and not _is_outweighed(change, onto)


def _is_equal(one: Any, other: Any) -> bool:
    return one is other or is_same(one, other)


def _at(values: Mapping[str, Any], path: Path) -> Any:
    """What stands at the path, or in its way."""
    found: Any = values
    for part in path:
        if not isinstance(found, dict):
            return found
        found = found.get(part, _MISSING)
    return found


def _with(values: Values, path: Path, value: Any) -> Values:
    under = values.get(path[0])
    if len(path) > 1:
        value = _with(under if isinstance(under, dict) else {}, path[1:], value)
    return {**values, path[0]: value}


def _without(values: Values, path: Path) -> Values:
    """The values without the path, and without the tables that this leaves empty."""
    under = values.get(path[0], _MISSING)
    left = _without(under, path[1:]) if len(path) > 1 and isinstance(under, dict) else {}
    if left:
        return {**values, path[0]: left}
    is_in_the_way = len(path) > 1 and not isinstance(under, dict)
    return values if is_in_the_way else {key: item for key, item in values.items() if key != path[0]}
