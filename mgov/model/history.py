"""What became of an instance over time: its last results, and a week in hours.

Samples, not every probe: one at each change of status and at most one a minute between. `recent` is the last 20 and
the hour that is running; each hour that ended is folded into one of 168 buckets. A latency is counted in classes
that grow by 2^(1/4), about 19 %, so that a percentile is right to within a tenth.
"""

from __future__ import annotations

from math import ceil, log2
from typing import TYPE_CHECKING, Any

from mgov.model.evidence import evidence_from, evidence_value
from mgov.model.health import DEGRADED, HEALTHY, is_ahead
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mgov.model.evidence import Evidence

KEPT_SAMPLES = 20
KEPT_TRANSITIONS = 20
KEPT_HOURS = 168
HOUR_S = 3600
SAMPLE_EVERY_S = 60.0
CLASSES_PER_DOUBLING = 4
SMALLEST_MS = 0.01
_UP = (HEALTHY, DEGRADED)


class Sample(NamedTuple):
    """One result: when, the status, and the latency in milliseconds where something answered."""

    at: float
    status: str
    latency_ms: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether it answered as it should, if perhaps slowly."""
        return self.status in _UP


class Transition(NamedTuple):
    """A change of the status that thresholds settle; `before` is '' for the first one."""

    at: float
    before: str
    after: str
    reason: str = ""


class Hour(NamedTuple):
    """The samples of one hour (`number` since the epoch): how many, how many up, and latencies by class."""

    number: int
    total: int = 0
    up: int = 0
    latencies: Mapping[int, int] = {}


class Recent(NamedTuple):
    """The newest samples and transitions, oldest first, the hour that is running, and what the newest look saw where it
    found no healthy instance."""

    samples: tuple[Sample, ...] = ()
    transitions: tuple[Transition, ...] = ()
    hour: Hour | None = None
    evidence: Evidence | None = None


class Summary(NamedTuple):
    """Shares of samples that were up (0 to 1, None without any), and latency percentiles in milliseconds."""

    up_1h: float | None
    up_24h: float | None
    up_7d: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


def add(recent: Recent, sample: Sample, reason: str = "", *, settled: str = "") -> tuple[Recent, Hour | None]:
    """`recent` with one more sample, and the hour that it ended, if it did.

    `settled` is the status that thresholds left the instance in [the sample's]: transitions are of that one, so that
    what flaps below them is seen in the samples alone. A sample that is older than the newest changes nothing, nor
    does one within a minute that says the same of both.
    """
    status = settled or sample.status
    last = recent.samples[-1] if recent.samples else None
    before = recent.transitions[-1].after if recent.transitions else ""
    is_same = last is not None and sample.status == last.status and status == before
    earliest = last.at + (SAMPLE_EVERY_S if is_same else 0.0) if last is not None else sample.at
    if sample.at < earliest and not is_ahead(earliest, sample.at):
        return recent, None
    number = int(sample.at // HOUR_S)
    ended = recent.hour if recent.hour is not None and recent.hour.number != number else None
    hour = _count(recent.hour if recent.hour is not None and ended is None else Hour(number), sample)
    transitions = recent.transitions
    if status != before:
        transitions = (*transitions, Transition(sample.at, before, status, reason))[-KEPT_TRANSITIONS:]
    samples = (*recent.samples, sample)[-KEPT_SAMPLES:]
    return recent._replace(samples=samples, transitions=transitions, hour=hour), ended


def noted(recent: Recent, evidence: Evidence | None, at: float) -> Recent:
    """`recent` with what a look at `at` saw, None where it found all well; an older look changes nothing."""
    known = recent.evidence
    return recent if known is not None and at < known.at else recent._replace(evidence=evidence)


def fold(hours: Sequence[Hour], ended: Hour) -> tuple[Hour, ...]:
    """The week with the hour that ended; what is older than 168 hours before it falls out."""
    kept = {hour.number: hour for hour in hours}
    before = kept.get(ended.number)
    kept[ended.number] = ended if before is None else _joined(before, ended)
    return tuple(kept[number] for number in sorted(kept) if number > ended.number - KEPT_HOURS)


def summarize(recent: Recent, hours: Iterable[Hour], *, now: float) -> Summary:
    """Availability over 1 h, 24 h and 7 d and latency over the 24 h before `now`, the longer ones to the hour."""
    current = int(now // HOUR_S)
    known = [*hours, *([recent.hour] if recent.hour is not None else ())]
    day = [hour for hour in known if hour.number > current - 24]
    week = [hour for hour in known if hour.number > current - KEPT_HOURS]
    latencies: dict[int, int] = {}
    for hour in day:
        for place, count in hour.latencies.items():
            latencies[place] = latencies.get(place, 0) + count
    percentiles = [percentile(latencies, q) for q in (0.5, 0.95, 0.99)]
    return Summary(_up_1h(recent, known, now), _share(day), _share(week), *percentiles)


def latency_class(latency_ms: float) -> int:
    """The class of a latency: 0 up to 0.01 ms, then four for each doubling."""
    return max(0, ceil(CLASSES_PER_DOUBLING * log2(max(latency_ms, SMALLEST_MS) / SMALLEST_MS)))


def percentile(latencies: Mapping[int, int], q: float) -> float | None:
    """The latency in milliseconds that a share `q` of the counted ones does not exceed; the middle of its class."""
    rank = ceil(q * sum(latencies.values()))
    seen = 0
    for place in sorted(latencies):
        seen += latencies[place]
        if seen >= rank:
            return float(SMALLEST_MS * 2 ** ((place - 0.5) / CLASSES_PER_DOUBLING)) if place else SMALLEST_MS
    return None


def sparkline(samples: Sequence[Sample]) -> str:
    """One sign per sample, oldest first: a bar by latency where it was up, `x` where it was not, `!` degraded."""
    bars = "▁▂▃▄▅▆▇█"
    known = [s.latency_ms for s in samples if s.latency_ms is not None]
    highest = max(known, default=0.0)
    signs = []
    for sample in samples:
        if sample.status != HEALTHY:
            signs.append("!" if sample.status == DEGRADED else "x")
        elif sample.latency_ms is None or highest == 0:
            signs.append(bars[0])
        else:
            signs.append(bars[min(len(bars) - 1, int(sample.latency_ms / highest * len(bars)))])
    return "".join(signs)


def recent_value(recent: Recent) -> dict[str, Any]:
    """The JSON-able form that `recent_from` reads."""
    return {
        "samples": [list(sample) for sample in recent.samples],
        "transitions": [list(transition) for transition in recent.transitions],
        "hour": hour_value(recent.hour) if recent.hour is not None else None,
        **({"evidence": evidence_value(recent.evidence)} if recent.evidence is not None else {}),
    }


def recent_from(value: Mapping[str, Any]) -> Recent:
    """What `recent_value` wrote; an empty mapping is no history."""
    hour, evidence = value.get("hour"), value.get("evidence")
    return Recent(
        tuple(Sample(*fields) for fields in value.get("samples", ())),
        tuple(Transition(*fields) for fields in value.get("transitions", ())),
        hour_from(hour) if hour else None,
        evidence_from(evidence) if evidence else None,
    )


def hour_value(hour: Hour) -> list[Any]:
    """The JSON-able form that `hour_from` reads."""
    return [hour.number, hour.total, hour.up, {str(place): count for place, count in hour.latencies.items()}]


def hour_from(fields: Sequence[Any]) -> Hour:
    """What `hour_value` wrote."""
    number, total, up, latencies = fields
    return Hour(number, total, up, {int(place): count for place, count in latencies.items()})


def _count(hour: Hour, sample: Sample) -> Hour:
    latencies = dict(hour.latencies)
    if sample.latency_ms is not None:
        place = latency_class(sample.latency_ms)
        latencies[place] = latencies.get(place, 0) + 1
    return Hour(hour.number, hour.total + 1, hour.up + (sample.status in _UP), latencies)


def _joined(first: Hour, second: Hour) -> Hour:
    latencies = dict(first.latencies)
    for place, count in second.latencies.items():
        latencies[place] = latencies.get(place, 0) + count
    return Hour(first.number, first.total + second.total, first.up + second.up, latencies)


def _up_1h(recent: Recent, known: Sequence[Hour], now: float) -> float | None:
    """From the samples where they reach back that far, else from the hours, the last one by the part that counts."""
    begin = now - HOUR_S
    samples = [sample for sample in recent.samples if sample.at > begin]
    if len(samples) < KEPT_SAMPLES:
        return sum(sample.status in _UP for sample in samples) / len(samples) if samples else None
    number, into = divmod(now, HOUR_S)
    parts = {int(number): 1.0, int(number) - 1: 1.0 - into / HOUR_S}
    total = sum(hour.total * parts.get(hour.number, 0.0) for hour in known)
    return sum(hour.up * parts.get(hour.number, 0.0) for hour in known) / total if total else None


def _share(hours: Sequence[Hour]) -> float | None:
    total = sum(hour.total for hour in hours)
    return sum(hour.up for hour in hours) / total if total else None
