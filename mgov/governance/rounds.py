"""Probing in rounds: every target once, then again those that failed and have retries left, after a pause.

    for wave in rounds:
        clock.sleep(wave.pause_s)
        rounds.take(wave, sweep_now(wave.targets, on_result=rounds.relay(wave)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.health import UNHEALTHY
from mgov.model.judgement import observe
from mgov.model.measurement import Measurement
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mgov.clock import Clock
    from mgov.model.health import Check
    from mgov.net.sweep import OnResult
    from mgov.net.target import Target

FIRST_PAUSE_S = 0.2                             # before the first retry; twice as long before each further one
LONGEST_PAUSE_S = 2.0


class Job(NamedTuple):
    """One target: how it is judged, what is probed, and how often to look again at a failure."""

    check: Check
    target: Target
    retry_count: int = 0


class Wave(NamedTuple):
    """The targets of one round, by their index among the jobs, and the pause before it in seconds."""

    indexes: list[int]
    targets: list[Target]
    pause_s: float


class Rounds:
    """Iterate to get the waves; afterwards `seen` holds each job's last measurement, `seen_at` when it was made.

    `on_final(index, measurement, at)` is told of each job once, when no retry of it will follow. A local failure is
    not retried: it says nothing about the target. Times are seconds since the epoch.
    """

    def __init__(
        self, jobs: Sequence[Job], clock: Clock, on_final: Callable[[int, Measurement, float], None] | None = None
    ) -> None:
        self._jobs, self._clock, self._on_final = jobs, clock, on_final
        self._tried = 0
        self.seen: list[Measurement] = []
        self.seen_at: list[float] = [clock.now()] * len(jobs)

    def __iter__(self) -> Iterator[Wave]:
        yield self._wave(list(range(len(self._jobs))), 0.0)
        pause_s = FIRST_PAUSE_S
        while due := [index for index, seen in enumerate(self.seen) if self._may_retry(index, seen)]:
            self._tried += 1
            yield self._wave(due, pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def relay(self, wave: Wave) -> OnResult:
        """What a sweep of `wave` calls with each result."""

        def relay(place: int, seen: Measurement) -> None:
            index = wave.indexes[place]
            self.seen_at[index] = at = self._clock.now()
            if self._on_final is not None and not self._may_retry(index, seen):
                self._on_final(index, seen, at)

        return relay

    def take(self, wave: Wave, seen: list[Measurement]) -> None:
        """The measurements of `wave`, in its order."""
        if not self.seen:
            self.seen = seen
            return
        for index, measurement in zip(wave.indexes, seen, strict=True):
            self.seen[index] = measurement

    def _wave(self, indexes: list[int], pause_s: float) -> Wave:
        return Wave(indexes, [self._jobs[index].target for index in indexes], pause_s)

    def _may_retry(self, index: int, seen: Measurement) -> bool:
        job = self._jobs[index]
        if self._tried >= job.retry_count or seen.is_local:
            return False
        return observe(job.check, seen, at=self.seen_at[index]).status == UNHEALTHY
