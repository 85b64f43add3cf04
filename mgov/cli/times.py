"""Times in an answer: RFC 3339 in UTC for programs, an age or this machine's clock for people."""

from __future__ import annotations

from time import localtime, strftime
from typing import TYPE_CHECKING, Any

from mgov.model.units import format_age, format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable


def age_shown(now: float) -> Callable[[Any], str]:
    """How a table shows an RFC 3339 time: as an age."""
    return lambda text: f"{format_age(now - parse_time(text))} ago" if text else "-"


class Moment(str):
    """An RFC 3339 time in a column that holds other text too, such as the values of `show`."""

    __slots__ = ()


def time_of(at: float | None) -> Moment | None:
    """The RFC 3339 text of a time, None for none."""
    return Moment(format_time(at)) if at is not None else None


def local_time(text: Any) -> str:
    """How a table shows an RFC 3339 time where an age is not enough: on this machine's clock, to the second."""
    return strftime("%Y-%m-%d %H:%M:%S", localtime(parse_time(text))) if text else "-"


def clock_shown(value: Any) -> Any:
    """How a table shows a Moment beside which its distance is told anyway; other values stay as they are."""
    return local_time(value) if isinstance(value, Moment) else value


def moment_shown(now: float) -> Callable[[Any], Any]:
    """How a table shows a Moment: in local time, with its age or how far off it is; other values stay as they are."""

    def shown(value: Any) -> Any:
        if not isinstance(value, Moment):
            return value
        away_s = parse_time(value) - now
        return f"{local_time(value)}, {f'in {format_age(away_s)}' if away_s > 0 else f'{format_age(-away_s)} ago'}"

    return shown
