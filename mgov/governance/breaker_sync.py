"""What one process and the store tell each other of a service's breakers, in both directions at once."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from mgov.errors import MgovError
from mgov.governance.breaker_store import candidates, change_document, load
from mgov.model.breaker_document import BreakerSet, Delta, merged, with_breaker

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mgov.clock import Clock
    from mgov.governance.breaker_local import LocalBreaker
    from mgov.model.breaker_policy import BreakerPolicy
    from mgov.store.base import Store

    Change = Callable[[BreakerSet, float], BreakerSet]

SYNC_S = 1.0
KEPT_OWED = 64                                  # deltas that a store which cannot be written is told later
NEVER = float("-inf")


class LocalDocument:
    """The breakers of one service in this process: what the store last said, and what it was not yet told."""

    def __init__(
        self,
        service: str,
        store: Store,
        clock: Clock,
        draw: Callable[[], float],
        policy_of: Callable[[str], BreakerPolicy],
    ) -> None:
        self.service, self.clock, self.draw = service, clock, draw
        self.lock = Lock()                              # over the counts: held for a moment
        self.known = BreakerSet()
        self.policy = policy_of(service)
        self.due_at = NEVER                            # monotonic: when the store is to be asked again
        self.offset_s = clock.now() - clock.monotonic()
        self._store, self._policy_of = store, policy_of
        self._talk = Lock()                             # over the talk with the store
        self._owed: list[tuple[str, Delta]] = []
        self.members: dict[str, LocalBreaker] = {}          # by instance id, '' for the service's own

    def flush(self) -> None:
        """Tell the store what it was not told yet, if there is anything."""
        with self.lock:
            has_news = bool(self._owed) or any(member.has_news for member in list(self.members.values()))
        if has_news:
            self.sync()

    def sync(self) -> None:
        """Tell the store what was seen, and take over what it makes of it."""
        self.change(None)

    def sync_if_due(self, at: float) -> None:
        """Talk with the store if `at` (monotonic) is the time to. While somebody is at it, what is known will do.

        So a store that stalls holds up one caller, and not all of them.
        """
        if at >= self.due_at and (self.due_at == NEVER or not self._talk.locked()):
            self.sync()

    def change(self, change: Change | None) -> None:
        """As `sync`, with one change more in the same write; None only reads where there is no news."""
        with self._talk:
            with self.lock:
                taken = [(instance, member.take()) for instance, member in list(self.members.items())]
                owed = self._owed + [(instance, delta) for instance, delta in taken if delta is not None]
                self._owed = []
            self._renew_policy()
            left: list[tuple[str, Delta]] = []

            def apply(known: BreakerSet, now: float) -> BreakerSet:
                for instance, delta in owed:
                    after = merged(known.get(instance), self.policy, delta, now, self.draw())
                    known = with_breaker(known, instance, after, now)
                return change(known, now) if change is not None else known

            try:
                known = self._told(apply) if owed or change is not None else self._read()
            except MgovError as error:
                self._warn(error)
                known = apply(self.known, self.clock.now())
                left = owed
            with self.lock:
                self._owed += left[-KEPT_OWED:]
                self._adopt(known)

    def chosen(self, among: Collection[str] | None) -> Collection[str]:
        """The instances that there are to choose from: those named, else all that are registered."""
        return candidates(self._store, self.service) if among is None else among

    def owe(self, instance: str, delta: Delta) -> None:
        """Keep what was counted in a generation that is over, for the next talk; called under the lock."""
        self._owed.append((instance, delta))

    def _told(self, apply: Change) -> BreakerSet:
        return change_document(self._store, self.clock, self.service, apply)

    def _read(self) -> BreakerSet:
        document = self._store.read(f"breaker/{self.service}")
        return load(self._store, self.service, document.value) if document is not None else BreakerSet()

    def _renew_policy(self) -> None:
        try:
            self.policy = self._policy_of(self.service)
        except MgovError as error:
            self._warn(error)

    def _warn(self, error: MgovError) -> None:
        warn = getattr(self._store, "warn", None)
        if warn is not None:
            warn(f"the breakers of {self.service} go on without the store: {error.message}")

    def _adopt(self, known: BreakerSet) -> None:
        at = self.clock.monotonic()
        self.known, self.due_at, self.offset_s = known, at + SYNC_S, self.clock.now() - at
        for member in list(self.members.values()):
            member.adopt()
