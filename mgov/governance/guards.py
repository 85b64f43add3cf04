"""The breakers of a store as a program that makes calls uses them: asked in memory, told to the store by deltas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.breaker import settle
from mgov.model.breaker_document import BreakerSet, ejected, label

if TYPE_CHECKING:
    from collections.abc import Collection

    from mgov.clock import Clock
    from mgov.governance.breakers import Breakers
    from mgov.governance.permits import Permit


class Guards:
    """Leave to call, from the local breakers of a service and of its instances. What the store says is a second old."""

    def __init__(self, breakers: Breakers, clock: Clock) -> None:
        self._breakers, self._clock = breakers, clock

    def permit(
        self, service: str, instance: str | None = None, *, among: Collection[str] | None = None, hold_s: float
    ) -> Permit:
        """As `Breakers.permit`."""
        return self._breakers.local(service, instance).permit(hold_s, among)

    def admits(self, service: str) -> bool:
        """As `Breakers.admits`: nothing is written or counted."""
        return self._breakers.admits(service)

    def guard_instances(self, service: str, instances: Collection[str]) -> frozenset[str]:
        """Those of `instances` to pass over now; never all of them, but for what was forced open by hand."""
        known = BreakerSet({instance: self._breakers.local(service, instance).breaker for instance in instances})
        return ejected(known, instances, self._breakers.policy(service), self._clock.now())

    def is_serving(self, service: str, instance: str) -> bool:
        """Whether calls to an instance go well, and have lately."""
        return self._breakers.local(service, instance).is_serving

    def state(self, service: str, instance: str) -> str:
        """The state of an instance's breaker in words."""
        return label(settle(self._breakers.local(service, instance).breaker, self._clock.now()))
