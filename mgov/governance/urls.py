"""Bare URLs, looked at once or again and again: needs no store and keeps nothing beyond its own life."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.governance.checked import Checked, url_result
from mgov.governance.manner import USUAL, Manner
from mgov.governance.rounds import Rounds
from mgov.model.check import expecting, parse_check_url
from mgov.model.health import Check, HealthRecord, Observation, fold
from mgov.net.sweep import sweep_now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgov.clock import Clock
    from mgov.model.measurement import Measurement


class Urls:
    """Checks of bare URLs: http, https, tcp, tls, grpc and grpcs. Times are seconds since the epoch."""

    def __init__(self, urls: Sequence[str], *, clock: Clock, expect: tuple[str, ...] = ()) -> None:
        """`expect` holds what each URL must answer; raise UsageError for what cannot be checked or read."""
        self._checks = [expecting(parse_check_url(url), expect) for url in urls]
        self._clock = clock
        self._records: dict[str, HealthRecord] = {}

    def sweep(self, how: Manner = USUAL, *, on_checked: Callable[[Checked], None] | None = None) -> list[Checked]:
        """Look at all of them, in their order. Thresholds count the looks of this object.

        `on_checked` is told each result as it comes, before thresholds are applied.
        """

        def tell(index: int, measurement: Measurement, at: float) -> None:
            if on_checked is not None:
                on_checked(url_result(self._checks[index], measurement, at))

        rounds = Rounds([how.job(check) for check in self._checks], self._clock, tell)
        for wave in rounds:
            if wave.pause_s:
                self._clock.sleep(wave.pause_s)
            rounds.take(wave, sweep_now(wave.targets, concurrency=how.concurrency, on_result=rounds.relay(wave)))
        rise, fall = how.thresholds_under(None)
        return [
            url_result(check, seen, at, self._keeping(check, rise or 1, fall or 1))
            for check, seen, at in zip(self._checks, rounds.seen, rounds.seen_at, strict=True)
        ]

    def _keeping(self, check: Check, rise: int, fall: int) -> Callable[[Observation], HealthRecord]:
        def keep(found: Observation) -> HealthRecord:
            record = fold(self._records.get(check.url), found, rise=rise, fall=fall)
            self._records[check.url] = record
            return record

        return keep
