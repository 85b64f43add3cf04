"""What changed before something failed, as events: from the change feed, the breakers' documents and the past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import StoreError
from mgov.model.undo import differing
from mgov.model.why import BREAKER, CONFIG, HEALTH, INSTANCE, MAINTENANCE, SERVICE, Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgov.governance.changes import Changes, Difference
    from mgov.model.breaker_document import BreakerSet
    from mgov.model.history import Recent
    from mgov.model.why import Window
    from mgov.store.base import Change

COMPARED = 50                                   # of more changes than these, what they changed is not told
_WORDS = {"create": "registered", "update": "changed", "delete": "deregistered", "adopt": "edited by hand"}
_SHOWN_CHARS = 40


def change_events(changes: Changes, found: Sequence[Change]) -> list[Event]:
    """One event per change, oldest first; what was written together of one service and kind is one."""
    groups: dict[tuple[str, ...], list[Change]] = {}
    for change in found:
        family, service, *_ = change.key.split("/")
        groups.setdefault((change.commit or change.revision, family, service, change.action), []).append(change)
    single = [group[0] for group in groups.values() if len(group) == 1 and _is_told(group[0])]
    told = _differences(changes, single[-COMPARED:])
    return [_event(group, told.get(group[0].revision)) for group in groups.values()]


def breaker_events(service: str, known: BreakerSet, window: Window) -> list[Event]:
    """The transitions of a service's breakers within `window`."""
    return [
        Event(t.at, service, BREAKER, f"breaker{_of(t.instance)} {t.before} to {t.after}{_because(t.reason)}", t.by)
        for t in known.transitions
        if t.at in window
    ]


def health_events(service: str, recents: Mapping[str, Recent], window: Window) -> list[Event]:
    """The changes of status of a service's instances within `window`, without those that it ends with."""
    return [
        Event(t.at, service, HEALTH, f"{instance} {t.before} to {t.after}{_because(t.reason)}")
        for instance, recent in recents.items()
        for t in recent.transitions
        if t.before and t.at in window and t.at < window.end
    ]


def _is_told(change: Change) -> bool:
    return change.action in ("update", "adopt") and not change.key.startswith(CONFIG)


def _differences(changes: Changes, found: Sequence[Change]) -> dict[str, Difference]:
    try:
        return {difference.change.revision: difference for difference in changes.compare(found)}
    except StoreError:
        return {}                               # that something changed is known all the same


def _event(group: Sequence[Change], difference: Difference | None) -> Event:
    change = group[0]
    family, service, *rest = change.key.split("/")
    message = f": {change.message}" if change.message else ""
    text = _WORDS[change.action]
    if family == CONFIG:
        environment, version = rest[0], int(rest[1])
        text = f"configuration {environment} {version}, {change.operation.removeprefix('config ')}{message}"
        return Event(change.at, service, CONFIG, text, change.author, environment)
    subject = rest[0] if rest and len(group) == 1 else ""
    if family == INSTANCE:
        what = f"instance {rest[0]}" if len(group) == 1 else f"{len(group)} instances"
        text = f"{what} {text}"
    elif family == MAINTENANCE:
        text = "maintenance ended" if change.action == "delete" else "maintenance began"
    kind = family if family in (INSTANCE, MAINTENANCE) else SERVICE
    fields = differing(difference.before, difference.after) if difference is not None and difference.is_kept else {}
    shown = "; ".join(_field(name, old, new) for name, (old, new) in fields.items() if name != "registered_at")
    return Event(change.at, service, kind, f"{text}{f' ({shown})' if shown else message}", change.author, subject)


def _field(name: str, old: Any, new: Any) -> str:
    if all(value is None or isinstance(value, str | int | float) for value in (old, new)):
        return f"{name} {_short(old)} to {_short(new)}"
    return name


def _short(value: Any) -> str:
    return "-" if value is None else str(value)[:_SHOWN_CHARS]


def _of(instance: str) -> str:
    return f" of {instance}" if instance else ""


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""
