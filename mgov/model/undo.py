"""Taking changes back: which ones belong together, what stands in the way, and what each key becomes.

A change is taken back by a newer one, so that nothing of the past is lost and this can be taken back too:

- what was written together is taken back together, or not at all;
- of each key the newest changes go first: one that somebody else changed later stays as it is;
- what was created goes, what was changed gets its earlier value back, what was deleted comes back;
- a configuration is never taken away: a new version reads as the one before did;
- an instance never stands without its service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from mgov.errors import Conflict, NotFound
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Protocol

    from mgov.model.config import Version

    Value = Mapping[str, Any]

    class Change(Protocol):
        """One line of a change feed, as the store gives it."""

        @property
        def revision(self) -> str: ...
        @property
        def key(self) -> str: ...
        @property
        def action(self) -> str: ...
        @property
        def operation(self) -> str: ...
        @property
        def author(self) -> str: ...
        @property
        def commit(self) -> str: ...


C = TypeVar("C", bound="Change")

CREATE, DELETE = "create", "delete"
HAND_EDIT = "hand edit"                         # the operation of what a write came upon: whose it was, nobody knows
SERVICE, INSTANCE, MAINTENANCE, CONFIG, POLICY = FAMILIES = ("service", "instance", "maintenance", "config", "policy")


class Span(NamedTuple):
    """The changes of one subject that are taken back, from `first` to `last`."""

    key: str
    first: Any
    last: Any


class Reversal(NamedTuple):
    """One subject: its value now and the one it gets (None: absent), its revision now ('' absent), the newest change
    that this takes back. Of a configuration the values are its environment and the number that it reads as, and
    `version` is what is to be published.
    """

    key: str
    now: Value | None
    then: Value | None
    revision: str
    change: Any
    version: Version | None = None

    @property
    def service(self) -> str:
        """The service that it belongs to, '' for the policy of all."""
        return service_of(self.key)

    @property
    def instance(self) -> str:
        """The instance's id, '' for what is the service's own."""
        return self.key.split("/")[2] if self.key.startswith(f"{INSTANCE}/") else ""

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields that differ between two values; of maintenance, which is one thing, its own name."""
        if self.key.startswith(f"{MAINTENANCE}/"):
            return (MAINTENANCE,)
        if self.key.startswith(f"{CONFIG}/"):
            return (f"configuration {self.key.split('/')[2]}",)
        return tuple(differing(self.now, self.then)) if self.now is not None and self.then is not None else ()


def service_of(key: str) -> str:
    """The service that a key belongs to, '' for the policy of all."""
    return key.split("/")[1] if key != POLICY else ""


def subject_of(key: str) -> str:
    """What is taken back as one: the key, or all versions of a configuration, `config/SERVICE/ENVIRONMENT`."""
    return key.rpartition("/")[0] if key.startswith(f"{CONFIG}/") else key


def differing(before: Value | None, after: Value | None) -> dict[str, tuple[Any, Any]]:
    """The fields that differ, in the order of their names: (before, after), None for a field that is not there."""
    old, new = before or {}, after or {}
    return {name: (old.get(name), new.get(name)) for name in sorted({*old, *new}) if old.get(name) != new.get(name)}


def is_by(change: Change, author: str) -> bool:
    """Whether `author` ('' is anybody) made a change; who made an edit that a write came upon, nobody knows."""
    return not author or (change.author == author and change.operation != HAND_EDIT)


def select(changes: Sequence[C], *, author: str = "", is_newest_only: bool) -> list[C]:
    """The changes to take back, oldest first: all of them or the newest commit, of `author` alone if one is given."""
    chosen = [change for change in changes if is_by(change, author)]
    return [c for c in chosen if not is_newest_only or c.commit == chosen[-1].commit]


def spans(changes: Iterable[C], taken: Iterable[C]) -> list[Span]:
    """What is taken back of each subject, in the order of their first changes.

    `changes` are all from the oldest of `taken` on. Raise Conflict naming a newer change of the same subject that
    stays, NotFound where nothing but old versions were removed: nobody reads another value for it.
    """
    numbers = {change.revision for change in taken}
    found: dict[str, Span] = {}
    for change in changes:
        subject = subject_of(change.key)
        if subject != change.key and change.action == DELETE:
            continue
        span = found.get(subject)
        if change.revision in numbers:
            found[subject] = Span(subject, change, change) if span is None else span._replace(last=change)
        elif span is not None:
            raise Conflict(
                f"{subject} was changed again: {named(change)} came after {named(span.last)}",
                hint=f"mgov history {subject} --diff",
            )
    if not found:
        raise NotFound("a version of a configuration that was removed does not come back", hint="mgov history")
    for subject in found:
        if subject.partition("/")[0] not in FAMILIES:
            raise Conflict(f"{subject} is not taken back by undo", hint=f"mgov history {subject}")
    return list(found.values())


def check_complete(changes: Sequence[Change], after: int) -> None:
    """Raise Conflict when the changes after revision `after` begin in the middle of a commit."""
    cut = [change for change in changes if int(change.commit) <= after]
    if cut:
        first, last = cut[0].commit, cut[-1].revision
        raise Conflict(
            f"revision {after} is in the middle of what was written together, {first} to {last}",
            hint=f"--since {int(first) - 1} takes all of it back, --since {last} none of it",
        )


def check_owned(reversals: Iterable[Reversal], present: Iterable[str]) -> None:
    """Raise Conflict where a service would be gone and something of it there; `present` are the keys there are now."""
    changing = [r for r in reversals if r.now != r.then and r.version is None]
    after = ({*present} - {r.key for r in changing if r.then is None}) | {r.key for r in changing if r.then is not None}
    for reversal in changing:
        if not reversal.service or f"{SERVICE}/{reversal.service}" in after:
            continue
        if reversal.then is not None:
            raise Conflict(
                f"{reversal.key} cannot come back: the service {reversal.service} is gone",
                hint=f"mgov history {reversal.service}",
            )
        if reversal.key == f"{SERVICE}/{reversal.service}":
            left = sorted(k for k in after if service_of(k) == reversal.service)
            if left:
                raise Conflict(
                    f"the service {reversal.service} cannot go: {left[0]} came later and would be left without it",
                    hint=f"mgov history {reversal.service}",
                )


def named(change: Change) -> str:
    """A change in a few words: `revision 12 (register by ann)`."""
    return f"revision {change.revision} ({change.operation} by {change.author})"


def message_of(taken: Sequence[Change]) -> str:
    """What the history says of taking these back: `takes back 10 to 14 (apply, register)`."""
    first, last = taken[0].revision, taken[-1].revision
    operations = ", ".join(dict.fromkeys(c.operation for c in taken))
    return f"takes back {first if first == last else f'{first} to {last}'} ({operations})"
