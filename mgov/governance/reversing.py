"""What each thing that is taken back is now, and what it was before: the reading half of undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import Compacted, Conflict, NotFound, StoreDamaged
from mgov.model.instance import from_value
from mgov.model.service import parse_service
from mgov.model.undo import (
    CONFIG,
    CREATE,
    DELETE,
    INSTANCE,
    MAINTENANCE,
    POLICY,
    SERVICE,
    Reversal,
    Span,
    named,
    service_of,
    subject_of,
)
from mgov.store.base import revision_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mgov.store.base import Change, Document, Earlier, Store

    Value = Mapping[str, Any]

FEW_SERVICES = 20                               # up to here, each is read alone


def documents_of(store: Store, parts: Sequence[Span]) -> dict[str, Document]:
    """What there is now of the services that `parts` touch, by key."""
    parts = [span for span in parts if not span.key.startswith(f"{CONFIG}/")]
    names = list(dict.fromkeys(service_of(span.key) for span in parts if span.key != POLICY))
    touched = {span.key.rpartition("/")[0] for span in parts}
    keys = {span.key for span in parts}
    found = {POLICY: policy} if POLICY in keys and (policy := store.read(POLICY)) is not None else {}
    if len(names) > FEW_SERVICES:
        wanted = set(names)
        found |= {d.key: d for d in store.scan(f"{SERVICE}/") if service_of(d.key) in wanted}
    for name in names:
        single = [f"{SERVICE}/{name}"] if f"{SERVICE}/{name}" not in found else []
        is_all = f"{SERVICE}/{name}" in keys
        if is_all or f"{MAINTENANCE}/{name}" in keys:
            single.append(f"{MAINTENANCE}/{name}")
        found |= {key: document for key in single if (document := store.read(key)) is not None}
        if is_all or f"{INSTANCE}/{name}" in touched:
            found |= {document.key: document for document in store.scan(f"{INSTANCE}/{name}/")}
    return found


def reversal_of(store: Store, span: Span, document: Document | None, earlier: Earlier) -> Reversal:
    """What taking a span back does; raise Conflict where its key is not as the feed says, NotFound where what it was
    before is no longer kept."""
    if span.key.startswith(f"{CONFIG}/"):
        return _configuration(store, span)
    _check_logged(span.last, document)
    try:
        then = None if span.first.action == CREATE else value_of(earlier.read(span.key, span.first.revision))
    except Compacted as error:
        raise NotFound(error.message, hint=f"mgov history {span.key} --diff") from None
    return Reversal(span.key, value_of(document), then, document.revision if document is not None else "", span.last)


def _configuration(store: Store, span: Span) -> Reversal:
    """As `reversal_of`, of a configuration: the version to publish has the values of the one before the span."""
    from mgov.governance.current import at_version, current
    from mgov.model.config import NO_VERSION, Version, number_of
    from mgov.model.setting import checksum, is_same

    _, service, environment = span.key.split("/")
    _check_logged(span.last, store.read(span.last.key))
    head = current(store, service, environment).version
    if head.number != number_of(span.last.key):
        raise Conflict(f"{span.key} has a version {head.number} by hand", hint=f"mgov config history {service}")
    number = number_of(span.first.key) - 1
    before = at_version(store, service, environment, number).version if number else None
    values, base = (before.values, before.base) if before is not None else ({}, NO_VERSION)
    now = {environment: head.number}
    is_as_before = before is not None and base == head.base and is_same(values, head.values)
    return Reversal(
        span.key, now, now if is_as_before else {environment: number}, span.last.revision, span.last,
        Version(head.number + 1, "", "", "", "undo", checksum(values), base, values),
    )  # fmt: skip


def _check_logged(last: Change, document: Document | None) -> None:
    """Raise Conflict where a key is not as its last change left it: an edit of its file that no write has seen yet."""
    if document is not None and document.is_held:
        raise StoreDamaged(f"{last.key} is invalid, so nothing of it is changed", hint="mgov store check")
    name = service_of(last.key) or "NAME"       # whatever is registered, the policy is taken in too
    if document is None:
        if last.action != DELETE:
            hint = f"mgov history {last.key}"
            raise Conflict(f"{last.key} was removed by hand after revision {last.revision}", hint=hint)
    elif last.action == DELETE:
        raise Conflict(f"{last.key} was made by hand after revision {last.revision}", hint=f"mgov register {name}")
    elif document.revision != last.revision and revision_order(document.revision) >= revision_order(last.revision):
        raise Conflict(
            f"{last.key} was changed after revision {last.revision}, by hand or just now",
            hint=f"mgov register {name} takes a hand edit into the history; then repeat",
        )


def check_unneeded(
    store: Store, reversals: Iterable[Reversal], changes: Iterable[Change], taken: Iterable[Change], earlier: Earlier
) -> None:
    """Raise Conflict where a service would go that something newer depends on which stays: another service that came
    to need it since, or a version of its configuration. Who named it before it was there may go on naming it.

    `changes` are all from the oldest of `taken` on.
    """
    left = {reversal.key: reversal.then for reversal in reversals}
    going = {r.key for r in reversals if r.key == f"{SERVICE}/{r.service}" and r.now is not None and r.then is None}
    if not going:
        return
    numbers = {change.revision for change in taken}
    gone: set[str] = set()                      # those of `going` whose changes the feed has come to
    for change in changes:
        name = service_of(change.key)
        if change.revision in numbers:
            gone |= {name} if change.key in going else set()
        elif change.action == DELETE:
            continue
        elif change.key.startswith(f"{CONFIG}/") and name in gone and subject_of(change.key) not in left:
            raise _needed(name, subject_of(change.key), change)
        elif change.key == f"{SERVICE}/{name}":
            value = left[change.key] if change.key in left else value_of(store.read(change.key))
            new = gone & _needs(name, value)
            if new and (new := new - _needs(name, _before(earlier, change))):
                raise _needed(min(new), name, change)


def _needs(name: str, value: Value | None) -> set[str]:
    return {dependency.name for dependency in parse_service(name, value).dependencies} if value is not None else set()


def _before(earlier: Earlier, change: Change) -> Value | None:
    """What a key was before `change`; None where it was not there, or nobody knows any more."""
    if change.action == CREATE:
        return None
    try:
        return value_of(earlier.read(change.key, change.revision))
    except Compacted:
        return None


def _needed(service: str, by: str, change: Change) -> Conflict:
    is_service = service_of(change.key) != service
    return Conflict(
        f"the service {service} cannot go: {by} depends on it since {named(change)}",
        hint=f"mgov graph impact {service}" if is_service else f"mgov config history {service}",
    )


def guards_of(reversals: Iterable[Reversal], documents: Mapping[str, Document]) -> Sequence[Document]:
    """The services of what comes back or changes: none may vanish between the plan and the write."""
    changing = [r for r in reversals if r.now != r.then and r.version is None]
    own = {reversal.key for reversal in changing}
    needed = {f"{SERVICE}/{r.service}" for r in changing if r.then is not None}
    return [documents[key] for key in sorted(needed - own) if key in documents]


def is_seen_no_more(reversal: Reversal) -> bool:
    """Whether what was observed of an instance speaks of nothing any more: it goes, or to another address or check."""
    if not reversal.instance or reversal.now is None:
        return False
    if reversal.then is None:
        return True
    now, then = (from_value(reversal.service, reversal.instance, value) for value in (reversal.now, reversal.then))
    return not then.is_looked_at_like(now)


def value_of(document: Document | None) -> Value | None:
    """The value of a document, None for none."""
    return document.value if document is not None else None
