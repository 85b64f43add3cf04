"""Reports on the whole fleet, gathered from what the store holds: nothing is probed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import NotFound
from mgov.governance.audit import Audit
from mgov.governance.breaker_store import kept
from mgov.governance.fleet import all_members, looks_in
from mgov.governance.graphs import Graphs
from mgov.governance.limits import Limits
from mgov.model.fleetreport import BreakerLine, LimitLine, Report, Running

if TYPE_CHECKING:
    from mgov.clock import Clock
    from mgov.model.scorecard import Scorecard
    from mgov.store.base import Store


class Reports:
    """Reports over a store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def fleet(self, *, title: str = "") -> Report:
        """Everything about the fleet now: graph, health, scorecard, breakers and limits. A damaged file is left out
        and named."""
        now = self._clock.now()
        picture = Graphs(self._store, self._clock).picture()
        running = tuple(Running(member.instance, member.health) for member in all_members(self._store, now=now))
        looks = looks_in(self._store.read("sweep"))
        return Report(
            now,
            getattr(self._store, "location", ""),
            picture,
            running,
            self._card(),
            tuple(BreakerLine(*known) for known in kept(self._store, now)),
            tuple(LimitLine(*state) for state in Limits(self._store, self._clock).states()),
            max((look.at for look in looks), default=None),
            tuple(dict.fromkeys(getattr(self._store, "damaged", ()))),
            title,
        )

    def html(self, *, title: str = "") -> str:
        """`fleet` as one page that needs nothing but itself; `title` stands at its head [Fleet report]."""
        from mgov.formats.html import page

        return page(self.fleet(title=title))

    def _card(self) -> Scorecard | None:
        try:
            return Audit(self._store, self._clock).score()
        except NotFound:
            return None
