"""The Store protocol: documents with revisions, compare-and-set, and a feed of changes.

A document is a mapping under a logical key, `family/name...`. The families and who owns them:

    service/<s>             what people own: a definition            intent: durable, logged in the change feed
    config/<s>/<env>/<n>    a configuration: each version once       intent
    instance/<s>/<id>       what machines own: a registration        intent
    maintenance/<s>         a whole service out of service           intent
    policy                  what people agreed on, and write         intent
    heartbeat/<s>/<id>      the newest beat; expires                 state: survives a crash, may be lost with the power
    health/<s>              what sweeps saw of the service           state
    sweep                   when which sweep looked at what          state
    pick/<s>                the memory of a balancing strategy       state
    limit/<s>               what was taken of a rate limit           state
    limit-keys/<s>/<bucket> the same of a limit with many keys       state
    recent/<s> rollup/<s>   the past of its instances                state
    breaker/<s>             its circuit breaker, and its instances'  state

Revisions are opaque tokens; of two tokens of one key, `revision_order` is greater for the later one. Every driver
passes tests/store/test_contract.py.
"""

from mgov.errors import Conflict
from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, Protocol

    Value = dict[str, Any]

ABSENT = "absent"                               # expect this revision to create only
HAND_EDIT = "hand edit"                         # the operation of a change that a write came upon; nobody knows whose
INTENT_FAMILIES = frozenset({"service", "config", "instance", "maintenance", "policy"})
STATE_FAMILIES = frozenset(
    {"heartbeat", "health", "sweep", "pick", "recent", "rollup", "limit", "limit-keys", "breaker"}
)
UPDATE_ATTEMPTS = 50


class Document(NamedTuple):
    """A value as it was read. `expires_at` (seconds since the epoch) is set on a heartbeat; a driver may keep an
    expired one or drop it, and a reader treats both alike. `is_held` says that the newest text under the key is
    invalid and this is the last good copy: it may be read, not written.
    """

    key: str
    value: "Value"
    revision: str
    expires_at: "float | None" = None
    is_held: bool = False


class Write(NamedTuple):
    """One wanted change: a value, or None to delete. `expect` is a revision, ABSENT, or None for any."""

    key: str
    value: "Value | None"
    expect: "str | None" = None
    ttl_s: "float | None" = None


class Change(NamedTuple):
    """One line of the change feed. `action` is create, update, delete or adopt (a hand edit taken in).

    What was written together shares its `commit`; a hand edit that was taken in on the way is a commit of its own.
    """

    revision: str
    key: str
    action: str
    operation: str
    author: str
    at: float
    message: str = ""
    commit: str = ""


if TYPE_CHECKING:

    class Earlier(Protocol):
        """Reads documents as they were; it may keep what it has read."""

        def read(self, key: str, revision: str) -> Document | None:
            """The document just before its change of `revision`, None if it was deleted; raise Compacted."""

    class Store(Protocol):
        """What every driver does. All errors are StoreError, Conflict, LockTimeout or OutcomeUnknown."""

        id: str
        location: str
        actor: str

        def read(self, key: str) -> Document | None:
            """The document under `key`, or None. Takes no lock; sees the old or the new, never a mix."""

        def scan(self, prefix: str) -> Iterator[Document]:
            """Every document whose key starts with `prefix` (which ends in '/'), in the order of the keys."""

        def registered(self) -> Iterator[Document]:
            """The documents below `maintenance/` and `instance/`, by service, of each its maintenance first."""

        def keys(self, prefix: str) -> list[str]:
            """The keys below `prefix` (which ends in '/') in their order, without reading a value."""

        def newest(self, prefix: str) -> Document | None:
            """The document of the last key below `prefix`, of an environment's versions; None where there is none."""

        def write(self, write: Write, *, operation: str, message: str = "") -> str:
            """Apply one write and return the key's revision; a value that is already there changes nothing."""

        def write_many(self, writes: Sequence[Write], *, operation: str, message: str = "") -> list[str]:
            """Apply all writes of one kind (all intent or all state) after checking all their expectations."""

        def update_state(
            self, key: str, change: Callable[[Value | None], Value | None], *, ttl_s: float | None = None
        ) -> tuple[Value | None, str]:
            """As `update`, of a state document, in the way that is cheapest for this driver."""

        def changes(self, after: str | None = None) -> Iterator[Change]:
            """The intent changes after `after` (None: all that is kept), oldest first; may raise Compacted."""

        def changes_back(self) -> Iterator[Change]:
            """All kept intent changes, newest first: who wants the newest few does not pay for all."""

        def last_revision(self) -> str:
            """Where the change feed ends now."""

        def earlier(self) -> Earlier:
            """A reader of what intent keys held before a change of them."""


def revision_order(revision: str) -> int:
    """A number that rises with the revisions of one key; only for comparing."""
    return int(revision.partition("~")[0])


def update(
    store: "Store",
    key: str,
    change: "Callable[[Value | None], Value | None]",
    *,
    operation: str,
    message: str = "",
    ttl_s: "float | None" = None,
) -> "tuple[Value | None, str]":
    """Read `key`, apply the pure function `change`, write; again on a lost race. Return (new value, revision).

    `change` gets None for an absent key, and returns None to delete. Raise Conflict after 50 lost races.
    """
    if key.partition("/")[0] in STATE_FAMILIES:
        return store.update_state(key, change, ttl_s=ttl_s)
    for _ in range(UPDATE_ATTEMPTS):
        before = store.read(key)
        value = change(dict(before.value) if before is not None else None)
        expect = before.revision if before is not None else ABSENT
        if value is None and before is None:
            return None, ""
        try:
            return value, store.write(Write(key, value, expect, ttl_s), operation=operation, message=message)
        except Conflict:
            continue
    raise Conflict(f"{key} changed {UPDATE_ATTEMPTS} times while it was being updated", hint="try again")


def check_expected(write: Write, revision: "str | None") -> None:
    """Raise Conflict unless the key, now at `revision` (None: absent), is as the write expects it."""
    if write.expect is None or write.expect == (revision or ABSENT):
        return
    if revision is None:
        raise Conflict(f"{write.key} is gone; it was expected at revision {write.expect}")
    if write.expect == ABSENT:
        raise Conflict(f"{write.key} exists already, at revision {revision}", hint="leave out --create-only")
    raise Conflict(
        f"{write.key} is at revision {revision}, not {write.expect}: somebody changed it",
        hint="read it again, then repeat",
    )


def value_of(document: "Document | None") -> "Mapping[str, Any]":
    """The document's value, or an empty mapping."""
    return document.value if document is not None else {}
