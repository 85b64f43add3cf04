"""What people set of the breakers, and lists of them: the policy in the service's definition, words and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.governance.breaker_store import Shown, kept, require
from mgov.governance.definition import change_definition
from mgov.model.breaker import FORCES
from mgov.model.breaker_document import FRESH
from mgov.model.breaker_policy import DEFAULT_POLICY, BreakerPolicy, change_policy, parse_breaker_policy
from mgov.model.names import matches, suggest
from mgov.model.service import service_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.governance.outcomes import Outcome
    from mgov.model.service import Service
    from mgov.store.base import Store

LIFT = "none"


def read_policy(store: Store, service: str) -> BreakerPolicy:
    """The policy in the service's definition, or the default; NotFound for a service that nobody registered."""
    document = store.read(service_key(service))
    if document is None:
        require(store, service)
    table = document.value.get("breaker") if document is not None else None
    return parse_breaker_policy(table) if table is not None else DEFAULT_POLICY


def write_policy(
    store: Store, service: str, given: Mapping[str, Any], *, replace: bool
) -> tuple[Outcome, BreakerPolicy]:
    """Change what is `given` of the `[breaker]` table of a registered service; return its policy then."""
    policy = DEFAULT_POLICY

    def change(known: Service) -> Service:
        nonlocal policy
        policy = change_policy(DEFAULT_POLICY if replace else known.breaker or DEFAULT_POLICY, given)
        return known._replace(breaker=policy if policy != DEFAULT_POLICY else None)

    return change_definition(store, service, change, operation="breaker set"), policy


def states(store: Store, pattern: str, now: float) -> list[Shown]:
    """Every breaker of the services that match: the service's own, used or not, then those of its instances."""
    found: dict[str, list[Shown]] = {}
    for document in store.scan("service/"):
        name = document.key.partition("/")[2]
        if matches(pattern, name):
            found[name] = []
    for one in kept(store, now, pattern):
        found.setdefault(one.service, []).append(one)
    for name, shown in found.items():
        if not shown or shown[0].instance:
            shown.insert(0, Shown(name, "", FRESH))
    return [one for name in sorted(found) for one in found[name]]


def check_force(word: str) -> str:
    """The force that a word names, '' for none; raise UsageError for any other."""
    if word == LIFT:
        return ""
    if word in FORCES:
        return word
    known = [*FORCES, LIFT]
    near = suggest(word, known)
    listed = f"one of {', '.join(known)}"
    raise UsageError(
        f"a breaker cannot be forced {word[:40]!r}", hint=f"did you mean {near}? {listed}" if near else listed
    )


def parse_token(text: str) -> tuple[int, int]:
    """The generation and the serial of a permit's token; raise UsageError for any other text."""
    generation, found, serial = text.partition("-")
    parts = (generation, serial)
    if not found or not all(part.isascii() and part.isdigit() and len(part) < 16 for part in parts):
        raise UsageError(f"{text[:40]!r} is not a token", hint="give what mgov breaker check printed")
    return int(generation), int(serial)
