"""Prometheus' text format 0.0.4, as node_exporter's textfile collector reads it from a folder.

    mgov_instance_up                          1 healthy or degraded, 0 unhealthy; absent where nobody knows
    mgov_instance_status{status="..."}        1 for the status that it has, 0 for the others
    mgov_instance_latency_seconds             of the newest look, absent when nothing answered
    mgov_instance_checked_timestamp_seconds   when somebody last looked

Labels are `service` and `instance_id` (`instance` is the scraper's own), or `url` for a bare URL. A series stands once
even where a target was given twice. Series are sorted, so that two reports of one state are the same bytes.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from mgov.formats.endpoint import Rendering
from mgov.model.health import DEGRADED, HEALTHY, STATUSES, UNHEALTHY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgov.model.result import Result

    Sample = tuple[str, str, float]             # metric, labels as they are written, value

MAX_SERIES = 100_000
MAX_LABEL_CHARS = 1024
METRICS = {
    "mgov_instance_up": "Whether the instance answered as it should: 1 healthy or degraded, 0 unhealthy.",
    "mgov_instance_status": "The status of the instance: 1 for the one that it has, 0 for the others.",
    "mgov_instance_latency_seconds": "How long the newest look at the instance took.",
    "mgov_instance_checked_timestamp_seconds": "When the instance was last looked at.",
}


def textfile(results: Sequence[Result], *, max_series: int = MAX_SERIES) -> Rendering:
    """The exposition of `results`, and a note where more than `max_series` series were asked for.

    Whole targets are left out then, the failing last.
    """
    targets = _sorted_once(results)
    kept, count = [], 0
    for labels, result in sorted(targets, key=lambda target: target[1].status != UNHEALTHY):
        samples = list(_samples(labels, result))
        if count + len(samples) > max_series:
            break
        count += len(samples)
        kept.append((labels, samples))
    kept.sort()
    lines = []
    for metric, text in METRICS.items():
        found = [sample for _, samples in kept for sample in samples if sample[0] == metric]
        if found:
            lines += [f"# HELP {metric} {text}", f"# TYPE {metric} gauge"]
            lines += [f"{metric}{{{labels}}} {_number(value)}" for _, labels, value in found]
    left_out = len(targets) - len(kept)
    notes = (f"{left_out} of {len(targets)} targets left out of the metrics: {max_series} series at most",)
    if left_out:
        lines.append(f"# {notes[0]}")
    return Rendering("".join(f"{line}\n" for line in lines), notes if left_out else ())


def _sorted_once(results: Sequence[Result]) -> list[tuple[str, Result]]:
    newest: dict[str, Result] = {}
    for result in results:
        labels = _labels(result)
        before = newest.get(labels)
        if before is None or (before.checked_at or 0.0) <= (result.checked_at or 0.0):
            newest[labels] = result
    return sorted(newest.items(), key=lambda target: target[0])


def _labels(result: Result) -> str:
    if not result.service:
        return f'url="{_escaped(result.url)}"'
    return f'service="{_escaped(result.service)}",instance_id="{_escaped(result.instance)}"'


def _samples(labels: str, result: Result) -> Iterator[Sample]:
    if not result.is_local and result.status in (HEALTHY, DEGRADED, UNHEALTHY):
        yield "mgov_instance_up", labels, float(result.status != UNHEALTHY)
    for status in STATUSES if result.status in STATUSES else ():
        yield "mgov_instance_status", f'{labels},status="{status}"', float(result.status == status)
    if result.latency_ms is not None and isfinite(result.latency_ms):
        yield "mgov_instance_latency_seconds", labels, result.latency_ms / 1000
    if result.checked_at is not None and isfinite(result.checked_at):
        yield "mgov_instance_checked_timestamp_seconds", labels, result.checked_at


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(round(value, 6))


def _escaped(text: str) -> str:
    r"""A label's value: `\`, `"` and LF escaped, valid UTF-8 (so `?` for a lone surrogate), its length bounded.

    A text that is cut ends in the checksum of the whole, so that two long ones stay two series.
    """
    if len(text) > MAX_LABEL_CHARS:
        from zlib import crc32

        text = f"{text[: MAX_LABEL_CHARS - 9]}~{crc32(text.encode('utf-8', 'replace')):08x}"
    plain = text.encode("utf-8", "replace").decode("utf-8")
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
