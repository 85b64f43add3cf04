"""How a sweep looks, and what follows from it for one target: its check, its TLS options, its retries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.governance.observed import Thresholds
from mgov.governance.policies import in_force
from mgov.governance.rounds import Job
from mgov.model.record import NamedTuple
from mgov.net.target import target_of

if TYPE_CHECKING:
    from mgov.model.health import Check
    from mgov.model.healthpolicy import HealthPolicy
    from mgov.net.target import Trust

ONE_SHOT = Thresholds(rise=1, fall=1)
WATCHING = Thresholds(rise=1, fall=3)           # one lost packet is no outage to who looks every few seconds
_NOT_SAID = Thresholds()


class Manner(NamedTuple):
    """How a sweep looks. Durations are seconds; None leaves it to each check, service or the default.

    `timeout_s` takes the place of each check's own, `most_s` caps whichever holds. `thresholds` and `retry_count` take
    the place of a service's own; `usual` are the thresholds of services that have none. `trust` holds TLS options in
    place of a service's own. What was seen within `max_age_s` is not looked at again. Who watches looks again
    `every_s`. With `may_be_missing` a name that nothing registered has is passed over.
    """

    timeout_s: float | None = None
    most_s: float | None = None
    concurrency: int | None = None
    thresholds: Thresholds = _NOT_SAID
    usual: Thresholds = ONE_SHOT
    trust: Trust | None = None
    retry_count: int | None = None
    max_age_s: float | None = None
    every_s: float | None = None
    may_be_missing: bool = False

    def watching(self, at: float) -> tuple[float, float]:
        """What a look at `at` says of its watcher: (every how many seconds, when), zeros for a single look."""
        return (self.every_s, at) if self.every_s else (0.0, 0.0)

    def thresholds_under(self, policy: HealthPolicy | None) -> Thresholds:
        """Said for this sweep, or by the service, or the usual ones."""
        own = Thresholds(policy.rise, policy.fall) if policy is not None else _NOT_SAID
        return self.thresholds.over(own).over(self.usual)

    def job(self, check: Check, policy: HealthPolicy | None = None) -> Job:
        """What is probed for `check` under the policy of its service, if it has one."""
        held, trust = in_force(check, policy, self.trust)
        wanted_s = self.timeout_s if self.timeout_s is not None else held.timeout_s
        target = target_of(held, timeout_s=wanted_s if self.most_s is None else min(wanted_s, self.most_s), trust=trust)
        return Job(held, target, self._retries(policy))

    def _retries(self, policy: HealthPolicy | None) -> int:
        if self.most_s is not None:
            return 0                            # who waits looks again anyway
        if self.retry_count is not None:
            return self.retry_count
        return (policy.retries or 0) if policy is not None else 0


USUAL = Manner()
