"""Taking what looks like damage as what the person wants: a definition that was cut short, a file that vanished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import NotFound, StoreDamaged
from mgov.model.names import is_name
from mgov.store import definitions, history
from mgov.store.base import Change
from mgov.store.codec import etag
from mgov.store.commit import carry_out, flush_log, recover
from mgov.store.folder import names_in, read_file
from mgov.store.layout import INTENT_LOCK, SERVICES, Place, place_of
from mgov.store.lock import Lock
from mgov.store.plan import FileChange, Plan
from mgov.store.root import translate
from mgov.store.vanished import vanished

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.store.files import FilesStore
    from mgov.store.root import Root


def accept(store: FilesStore, names: Sequence[str] | None) -> list[str]:
    """Take a definition that looks cut off, or whose file vanished, as what the person wants; return their names.

    None accepts all there are. Raise NotFound for a name with nothing to accept, StoreDamaged for invalid text.
    """
    store.refuse_foreign()
    with Lock(store.root, INTENT_LOCK, clock=store.clock, wait_s=store.lock_wait_s) as lock:
        try:
            last = recover(store, lock)
            waiting = _waiting(lock.root)
            chosen = sorted(waiting) if names is None else sorted(set(names))
            for name in chosen:
                if name not in waiting:
                    raise NotFound(f"nothing about {name} waits to be accepted", hint="mgov store check")
            for name in chosen:
                last = _accept(store, lock, last, place_of(f"service/{name}"), waiting[name])
        except OSError as error:
            raise translate(error, f"cannot accept the changes in {store.location}") from error
        return chosen


def _waiting(root: Root) -> dict[str, bytes | None]:
    """The text of each definition that looks cut off; None for one whose file vanished."""
    found: dict[str, bytes | None] = dict.fromkeys(vanished(root)[0])
    for name in names_in(root, SERVICES, ".toml"):
        if not is_name(name):
            continue
        place = place_of(f"service/{name}")
        try:
            data = read_file(root, *place)
            if data is not None:
                definitions.check_whole(root, place, data)
        except StoreDamaged:
            found[name] = data
    return found


def _accept(store: FilesStore, lock: Lock, last: int, place: Place, data: bytes | None) -> int:
    name = place.name.removesuffix(".toml")
    if data is not None:
        definitions.parse(name, data, place.path)
    newest = history.newest(lock.root, place)
    number = max(last, newest.revision if newest is not None else 0) + 1
    action = "adopt" if data is not None else "delete"
    change = Change(str(number), f"service/{name}", action, "accept", store.actor, store.clock.now())
    plan = Plan([FileChange(place, number, data, data)], [(change, etag(data))])
    flush_log(store, carry_out(store, lock, plan, last))
    return number
