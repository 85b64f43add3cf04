"""The definitions of services: all as tables, and changing a part of one: read, a pure function, written on the
condition that nobody was quicker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import Conflict, NotFound, StoreDamaged
from mgov.governance.fleet import suggest_service
from mgov.governance.outcomes import CHANGED, UNCHANGED, Outcome
from mgov.model.names import check_name
from mgov.model.service import parse_service, service_key, to_table
from mgov.store.base import UPDATE_ATTEMPTS, Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgov.model.service import Service
    from mgov.store.base import Document, Store, Value


def definition_tables(store: Store) -> dict[str, Value]:
    """The definition of each registered service, as its table."""
    return {document.key.partition("/")[2]: document.value for document in store.scan("service/")}


def read_to_change(store: Store, name: str) -> Document | None:
    """A definition that is going to be changed, None where there is none; StoreDamaged where it is invalid."""
    document = store.read(service_key(name))
    if document is not None and document.is_held:
        raise StoreDamaged(f"the definition of {name} is invalid, so nothing of it is changed", hint="mgov store check")
    return document


def change_definition(store: Store, name: str, change: Callable[[Service], Service], *, operation: str) -> Outcome:
    """Put `change` of the service's definition in its place; "unchanged" where that is the same.

    NotFound for a service that nobody registered, StoreDamaged where its definition is invalid.
    """
    check_name(name)
    for _ in range(UPDATE_ATTEMPTS):
        document = read_to_change(store, name)
        if document is None:
            raise NotFound(f"no service {name}", hint=suggest_service(store, name, f"mgov register {name}"))
        known = parse_service(name, document.value)
        wanted = change(known)
        if wanted == known:
            return Outcome(UNCHANGED, name, "", document.revision)
        try:
            revision = store.write(Write(document.key, to_table(wanted), document.revision), operation=operation)
        except Conflict:
            continue
        return Outcome(CHANGED, name, "", revision)
    raise Conflict(f"{name} changed {UPDATE_ATTEMPTS} times while it was being changed", hint="try again")
