"""What was changed, by whom and when; and taking it back by a change of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import Compacted, Conflict, NotFound, StoreDamaged
from mgov.governance.current import values_around
from mgov.governance.fleet import suggest_service
from mgov.governance.leaving import forget_instances, forget_services
from mgov.governance.outcomes import CHANGED, CREATED, REMOVED, Outcome
from mgov.model.config import FAMILY as CONFIG
from mgov.model.instance import from_value
from mgov.model.names import check_name
from mgov.model.record import NamedTuple
from mgov.model.undo import (
    CREATE,
    DELETE,
    FAMILIES,
    INSTANCE,
    MAINTENANCE,
    SERVICE,
    Reversal,
    Span,
    check_complete,
    check_owned,
    message_of,
    select,
    service_of,
    spans,
)
from mgov.store.base import ABSENT, Write, revision_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mgov.store.base import Change, Document, Earlier, Store

    Value = Mapping[str, Any]

FEW_SERVICES = 20                               # up to here, each is read alone


class Difference(NamedTuple):
    """What one change did to its key: the values before and after, None for absent.

    `is_kept` is False where one of them is no longer known; both are None then.
    """

    change: Change
    before: Value | None
    after: Value | None
    is_kept: bool = True


class Undo(NamedTuple):
    """What taking back `taken` does, made by `Changes.plan_undo`: one reversal per key, those that change nothing too.

    `guards` are services that must still be as they were.
    """

    taken: tuple[Change, ...]
    reversals: tuple[Reversal, ...]
    guards: tuple[Document, ...] = ()

    @property
    def effects(self) -> list[tuple[str, Reversal]]:
        """What is really done, each with its word: created, changed or removed."""
        return [(_word(r), r) for r in self.reversals if r.now != r.then]


class Changes:
    """The change feed of a store, and undo. `actor` is whose changes are one's own."""

    def __init__(self, store: Store, actor: str) -> None:
        self._store, self._actor = store, actor

    def of(
        self, key: str, *, after: str | None = None, since: float | None = None, author: str = ""
    ) -> Sequence[Change]:
        """The changes of `key`, oldest first; NotFound where none of all times is kept.

        A key is `orders` (the service and all that is its own), `orders/INSTANCE`, or a store's key such as
        `service/orders` or `instance/orders`, with all below it.
        """
        wanted = _matcher(key)
        found = [change for change in self._feed(after, since) if wanted(change.key)]
        if not found and after is None and since is None:
            raise NotFound(f"no change of {key} is kept", hint=suggest_service(self._store, _named_in(key)))
        return [change for change in found if author in ("", change.author)]

    def compare(self, changes: Sequence[Change]) -> Sequence[Difference]:
        """What each of `changes` (oldest first) did, from the kept copies."""
        if not changes:
            return []
        keys = {change.key for change in changes}
        later: dict[str, Change] = {}
        found: list[Difference] = []
        earlier = self._store.earlier()
        wanted = {change.revision for change in changes}
        floor = str(revision_order(changes[0].revision) - 1)
        for change in reversed(list(self._store.changes(floor))):
            if change.key not in keys:
                continue
            if change.revision in wanted:
                found.append(self._difference(change, later.get(change.key), earlier))
            later[change.key] = change
        return found[::-1]

    def plan_undo(self, *, after: str | None = None, since: float | None = None, mine: bool = False) -> Undo:
        """What taking changes back would do: those after the revision `after` or from the time `since` on, else the
        newest alone; with `mine` this actor's only. Nothing is changed.

        NotFound where there is none, or what something was before is no longer kept; Conflict where something newer
        stands in the way, or an instance would stand without its service.
        """
        changes = self._feed(after, since)
        if after is not None:
            check_complete(changes, revision_order(after))
        everything = after is not None or since is not None
        taken = select(changes, author=self._actor if mine else "", is_newest_only=not everything)
        if not taken:
            whose = f" of {self._actor}" if mine else ""
            raise NotFound(f"there is no change{whose} to take back", hint="mgov history")
        _refuse_versions(taken)
        parts = spans(changes, taken)
        documents = self._documents(parts)
        earlier = self._store.earlier()
        reversals = [_reversal(span, documents.get(span.key), earlier) for span in parts]
        check_owned(reversals, documents)
        return Undo(tuple(taken), tuple(reversals), tuple(_guards(reversals, documents)))

    def undo(self, plan: Undo) -> Sequence[Outcome]:
        """Carry out a plan as one commit of the operation `undo`; what became of each key.

        Conflict when somebody changed one of its keys since it was made: nothing is changed then.
        """
        effects = plan.effects
        writes = [Write(r.key, dict(r.then) if r.then is not None else None, r.revision or ABSENT) for _, r in effects]
        guards = [Write(d.key, d.value, d.revision) for d in plan.guards]
        if not writes:
            return []
        revisions = self._store.write_many([*guards, *writes], operation="undo", message=message_of(plan.taken))
        reversals = [reversal for _, reversal in effects]
        forget_instances(self._store, [(r.service, r.instance) for r in reversals if _is_seen_no_more(r)])
        forget_services(self._store, [r.service for r in reversals if r.then is None and r.key.startswith(SERVICE)])
        found = zip(effects, revisions[len(guards) :], strict=True)
        return [Outcome(word, r.service, r.instance, revision) for (word, r), revision in found]

    def list(
        self, *, after: str | None = None, since: float | None = None, author: str = "", service: str = ""
    ) -> Sequence[Change]:
        """The kept changes, oldest first: after the revision `after`, from the time `since` on (seconds since the
        epoch), by `author`, of what belongs to `service`."""
        return [
            change
            for change in self._feed(after, since)
            if author in ("", change.author) and service in ("", service_of(change.key))
        ]

    # -- inside

    def _feed(self, after: str | None, since: float | None) -> Sequence[Change]:
        changes = tuple(self._store.changes(after))
        if since is None:
            return changes
        # A clock may have gone back: what came behind the first change that counts, counts too.
        first = next((i for i, change in enumerate(changes) if change.at >= since), len(changes))
        return changes[first:]

    def _difference(self, change: Change, later: Change | None, earlier: Earlier) -> Difference:
        if change.key.startswith(f"{CONFIG}/"):
            around = values_around(self._store, change.key)
            return Difference(change, *around, is_kept=around[1] is not None)
        try:
            before = None if change.action == CREATE else _value(earlier.read(change.key, change.revision))
            if later is None or change.action == DELETE:
                after = _value(self._store.read(change.key)) if change.action != DELETE else None
            else:
                after = None if later.action == CREATE else _value(earlier.read(later.key, later.revision))
        except Compacted:
            return Difference(change, None, None, is_kept=False)
        return Difference(change, before, after)

    def _documents(self, parts: Sequence[Span]) -> dict[str, Document]:
        """What there is now of the services that `parts` touch, by key."""
        names = list(dict.fromkeys(service_of(span.key) for span in parts))
        touched = {span.key.rpartition("/")[0] for span in parts}
        keys = {span.key for span in parts}
        found: dict[str, Document] = {}
        if len(names) > FEW_SERVICES:
            found = {d.key: d for d in self._store.scan(f"{SERVICE}/") if service_of(d.key) in names}
        for name in names:
            single = [f"{SERVICE}/{name}"] if f"{SERVICE}/{name}" not in found else []
            is_all = f"{SERVICE}/{name}" in keys
            if is_all or f"{MAINTENANCE}/{name}" in keys:
                single.append(f"{MAINTENANCE}/{name}")
            found |= {key: document for key in single if (document := self._store.read(key)) is not None}
            if is_all or f"{INSTANCE}/{name}" in touched:
                found |= {document.key: document for document in self._store.scan(f"{INSTANCE}/{name}/")}
        return found


def _matcher(key: str) -> Any:
    family, _, rest = key.partition("/")
    if family in (*FAMILIES, CONFIG) and rest:
        return lambda known: known == key or known.startswith(f"{key}/")
    check_name(family)
    if rest:
        check_name(rest, "instance")
        return lambda known: known == f"{INSTANCE}/{family}/{rest}"
    return lambda known: service_of(known) == family


def _refuse_versions(taken: Iterable[Change]) -> None:
    """Raise Conflict where a version of a configuration was made: it stays, and a newer one brings the old back."""
    for change in taken:
        if change.key.startswith(f"{CONFIG}/"):
            _, service, environment, _ = change.key.split("/")
            raise Conflict(
                f"revision {change.revision} is of the configuration of {service} in {environment}: its versions stay",
                hint=f"mgov config rollback {service} -e {environment}",
            )


def _named_in(key: str) -> str:
    family, _, rest = key.partition("/")
    return rest.split("/")[0] if family in (*FAMILIES, CONFIG) and rest else family


def _reversal(span: Span, document: Document | None, earlier: Earlier) -> Reversal:
    _check_logged(span.last, document)
    try:
        then = None if span.first.action == CREATE else _value(earlier.read(span.key, span.first.revision))
    except Compacted as error:
        raise NotFound(error.message, hint=f"mgov history {span.key} --diff") from None
    return Reversal(span.key, _value(document), then, document.revision if document is not None else "", span.last)


def _check_logged(last: Change, document: Document | None) -> None:
    """Raise Conflict where a key is not as its last change left it: an edit of its file that no write has seen yet."""
    if document is not None and document.is_held:
        raise StoreDamaged(f"{last.key} is invalid, so nothing of it is changed", hint="mgov store check")
    name = service_of(last.key)
    if document is None:
        if last.action != DELETE:
            raise Conflict(f"{last.key} was removed by hand after revision {last.revision}", hint=f"mgov show {name}")
    elif last.action == DELETE:
        raise Conflict(f"{last.key} was made by hand after revision {last.revision}", hint=f"mgov register {name}")
    elif document.revision != last.revision and revision_order(document.revision) >= revision_order(last.revision):
        raise Conflict(
            f"{last.key} was changed after revision {last.revision}, by hand or just now",
            hint=f"mgov register {name} takes a hand edit into the history; then repeat",
        )


def _guards(reversals: Iterable[Reversal], documents: Mapping[str, Document]) -> Sequence[Document]:
    """The services of what comes back or changes: none may vanish between the plan and the write."""
    own = {reversal.key for reversal in reversals if reversal.now != reversal.then}
    needed = {f"{SERVICE}/{r.service}" for r in reversals if r.now != r.then and r.then is not None}
    return [documents[key] for key in sorted(needed - own) if key in documents]


def _is_seen_no_more(reversal: Reversal) -> bool:
    """Whether what was observed of an instance speaks of nothing any more: it goes, or to another address or check."""
    if not reversal.instance or reversal.now is None:
        return False
    if reversal.then is None:
        return True
    now, then = (from_value(reversal.service, reversal.instance, value) for value in (reversal.now, reversal.then))
    return not then.is_looked_at_like(now)


def _word(reversal: Reversal) -> str:
    if reversal.then is None:
        return REMOVED
    return CREATED if reversal.now is None else CHANGED


def _value(document: Document | None) -> Value | None:
    return document.value if document is not None else None
