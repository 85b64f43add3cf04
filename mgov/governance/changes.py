"""What was changed, by whom and when; and taking it back by a change of its own."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any

from mgov.errors import Compacted, NotFound, StoreDamaged
from mgov.governance.current import values_around
from mgov.governance.fleet import suggest_service
from mgov.governance.leaving import forget_instances, forget_services
from mgov.governance.outcomes import CHANGED, CREATED, REMOVED, Outcome
from mgov.governance.reversing import check_unneeded, documents_of, guards_of, is_seen_no_more, reversal_of, value_of
from mgov.model.config import to_value, version_key
from mgov.model.names import check_name
from mgov.model.record import NamedTuple
from mgov.model.undo import (
    CONFIG,
    CREATE,
    DELETE,
    FAMILIES,
    INSTANCE,
    POLICY,
    SERVICE,
    Reversal,
    check_complete,
    check_owned,
    is_by,
    message_of,
    select,
    service_of,
    spans,
)
from mgov.model.units import format_time
from mgov.store.base import ABSENT, Write, revision_order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mgov.clock import Clock
    from mgov.store.base import Change, Document, Earlier, Store

    Value = Mapping[str, Any]


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
    """The change feed of a store, and undo. One's own changes are those of the store's actor."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def of(
        self, key: str, *, after: str | None = None, since: float | None = None, author: str = "", newest: int = 0
    ) -> Sequence[Change]:
        """The changes of `key`, oldest first, as `list` picks them; NotFound where none of all times is kept.

        A key is `orders` (the service and all that is its own), `orders/INSTANCE`, `policy`, or a store's key such as
        `service/orders` or `instance/orders`, with all below it.
        """
        wanted = _matcher(key)
        found = self._pick(after, since, newest, lambda c: wanted(c.key) and author in ("", c.author))
        if not found and after is None and since is None and not any(wanted(c.key) for c in self._store.changes_back()):
            hint = suggest_service(self._store, _named_in(key)) if key != POLICY else "mgov history shows all there are"
            raise NotFound(f"no change of {key} is kept", hint=hint)
        return found

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
        stands in the way or depends on what would go, or an instance would stand without its service.
        """
        author = self._store.actor if mine else ""
        everything = after is not None or since is not None
        changes = self._feed(after, since) if everything else self._newest_commit(author)
        if after is not None:
            check_complete(changes, revision_order(after))
        taken = select(changes, author=author, is_newest_only=not everything)
        if not taken:
            whose = f" of {self._store.actor}" if mine else ""
            raise NotFound(f"there is no change{whose} to take back", hint="mgov history")
        parts = spans(changes, taken)
        documents = documents_of(self._store, parts)
        earlier = self._store.earlier()
        reversals = [reversal_of(self._store, span, documents.get(span.key), earlier) for span in parts]
        check_owned(reversals, documents)
        check_unneeded(self._store, reversals, changes, taken, earlier)
        return Undo(tuple(taken), tuple(reversals), tuple(guards_of(reversals, documents)))

    def undo(self, plan: Undo) -> Sequence[Outcome]:
        """Carry out a plan as one commit of the operation `undo`; what became of each key.

        Conflict when somebody changed one of its keys since it was made: nothing is changed then.
        """
        effects = plan.effects
        message = message_of(plan.taken)
        writes = [self._write(reversal, message) for _, reversal in effects]
        guards = [Write(d.key, d.value, d.revision) for d in plan.guards]
        if not writes:
            return []
        revisions = self._store.write_many([*guards, *writes], operation="undo", message=message)
        reversals = [reversal for _, reversal in effects]
        forget_instances(self._store, [(r.service, r.instance) for r in reversals if is_seen_no_more(r)])
        forget_services(self._store, [r.service for r in reversals if r.then is None and r.key.startswith(SERVICE)])
        found = zip(effects, revisions[len(guards) :], strict=True)
        return [Outcome(word, r.service, r.instance, revision) for (word, r), revision in found]

    def list(
        self,
        *,
        after: str | None = None,
        since: float | None = None,
        author: str = "",
        service: str = "",
        newest: int = 0,
    ) -> Sequence[Change]:
        """The kept changes, oldest first: after the revision `after`, from the time `since` on (seconds since the
        epoch), by `author`, of what belongs to `service`; of these the `newest` so many (0: all)."""
        return self._pick(
            after, since, newest, lambda c: author in ("", c.author) and service in ("", service_of(c.key))
        )

    # -- inside

    def _write(self, reversal: Reversal, message: str) -> Write:
        if reversal.version is None:
            value = dict(reversal.then) if reversal.then is not None else None
            return Write(reversal.key, value, reversal.revision or ABSENT)
        at = format_time(self._clock.now())
        version = reversal.version._replace(author=self._store.actor, at=at, message=message)
        environment = reversal.key.split("/")[2]
        return Write(version_key(reversal.service, environment, version.number), to_value(version), ABSENT)

    def _pick(
        self, after: str | None, since: float | None, newest: int, is_wanted: Callable[[Change], bool]
    ) -> Sequence[Change]:
        if newest and after is None and since is None:
            return tuple(islice(filter(is_wanted, self._store.changes_back()), newest))[::-1]
        found = tuple(filter(is_wanted, self._feed(after, since)))
        return found[-newest:] if newest else found

    def _newest_commit(self, author: str) -> Sequence[Change]:
        """The changes from the beginning of the newest commit of `author` on."""
        found: deque[Change] = deque()
        commit = ""
        for change in self._store.changes_back():
            found.appendleft(change)
            if not commit and is_by(change, author):
                commit = change.commit
            if change.revision == commit:
                break
        return tuple(found)

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
            before = None if change.action == CREATE else value_of(earlier.read(change.key, change.revision))
            if change.action == DELETE:
                after = None
            elif later is None:
                after = value_of(self._now(change, earlier))
            else:
                after = None if later.action == CREATE else value_of(earlier.read(later.key, later.revision))
        except Compacted:
            return Difference(change, None, None, is_kept=False)
        return Difference(change, before, after)

    def _now(self, change: Change, earlier: Earlier) -> Document | None:
        """What there is since the newest change of a key; of a policy that was spoilt since, what was taken in last."""
        try:
            return self._store.read(change.key)
        except StoreDamaged:
            if change.key != POLICY:
                raise
            return earlier.read(POLICY, str(revision_order(change.revision) + 1))


def _matcher(key: str) -> Any:
    if key == POLICY:                           # a service may have that name too
        return lambda known: POLICY in (known, service_of(known))
    family, _, rest = key.partition("/")
    if family in FAMILIES and rest:
        return lambda known: known == key or known.startswith(f"{key}/")
    check_name(family)
    if rest:
        check_name(rest, "instance")
        return lambda known: known == f"{INSTANCE}/{family}/{rest}"
    return lambda known: service_of(known) == family


def _named_in(key: str) -> str:
    family, _, rest = key.partition("/")
    return rest.split("/")[0] if family in FAMILIES and rest else family


def _word(reversal: Reversal) -> str:
    if reversal.then is None:
        return REMOVED
    return CREATED if reversal.now is None else CHANGED
