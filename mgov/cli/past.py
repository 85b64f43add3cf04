"""The past of an instance in words, rows and JSON: availability, latency, its last results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.cli.rows import time_of
from mgov.cli.text import fit
from mgov.model.history import Summary, sparkline, summarize
from mgov.model.units import format_age

if TYPE_CHECKING:
    from mgov.governance.observed import Past

SHOWN_TRANSITIONS = 5
_PLAIN_BARS = str.maketrans("▁▂▃▄▅▆▇█", "........")


def summary_of(past: Past | None, now: float) -> Summary | None:
    """The summary of a past; None where nobody ever looked."""
    return summarize(past.recent, past.hours, now=now) if past is not None and past.recent.samples else None


def past_text(past: Past | None, now: float) -> str:
    """A past in a few words: `99.3 % up in 24h, p95 12 ms`; '' for none."""
    summary = summary_of(past, now)
    if summary is None:
        return ""
    words = [f"{share_text(summary.up_24h)} up in 24h"] if summary.up_24h is not None else []
    if summary.p95_ms is not None:
        words.append(f"p95 {summary.p95_ms:.3g} ms")
    return ", ".join(words)


def share_text(share: float | None) -> str:
    """A share for people: never rounded up to 100 %."""
    if share is None:
        return "-"
    return "100 %" if share == 1 else f"{int(share * 1000) / 10:g} %"


def spark(past: Past | None, encoding: str) -> str:
    """The last results as one sign each, oldest first; dots for bars where the encoding has none."""
    text = sparkline(past.recent.samples) if past is not None else ""
    return text if fit(text, encoding) == text else text.translate(_PLAIN_BARS)


def history_rows(past: Past | None, now: float, encoding: str) -> list[tuple[str, str]]:
    """The rows that `show NAME INSTANCE` adds."""
    summary = summary_of(past, now)
    if past is None or summary is None:
        return []
    shares = ((summary.up_1h, "1h"), (summary.up_24h, "24h"), (summary.up_7d, "7d"))
    percentiles = ((summary.p50_ms, "p50"), (summary.p95_ms, "p95"), (summary.p99_ms, "p99"))
    rows = [("up", ", ".join(f"{share_text(share)} in {span}" for share, span in shares if share is not None))]
    latency = ", ".join(f"{name} {value:.3g} ms" for value, name in percentiles if value is not None)
    if latency:
        rows.append(("latency in 24h", latency))
    rows.append(("last results", spark(past, encoding)))
    for change in reversed(past.recent.transitions[-SHOWN_TRANSITIONS:]):
        before = f"{change.before} to " if change.before else ""
        reason = f" ({change.reason})" if change.reason else ""
        rows.append(("changed", f"{format_age(now - change.at)} ago, {before}{change.after}{reason}"))
    return rows


def history_json(past: Past | None, now: float) -> dict[str, Any] | None:
    """A past as scripts read it; shares are 0 to 1, latencies milliseconds."""
    summary = summary_of(past, now)
    if past is None or summary is None:
        return None
    return {
        "up_1h": summary.up_1h,
        "up_24h": summary.up_24h,
        "up_7d": summary.up_7d,
        "p50_ms": summary.p50_ms,
        "p95_ms": summary.p95_ms,
        "p99_ms": summary.p99_ms,
        "samples": [
            {"at": time_of(sample.at), "status": sample.status, "latency_ms": sample.latency_ms}
            for sample in past.recent.samples
        ],
        "transitions": [
            {"at": time_of(change.at), "before": change.before or None, "status": change.after, "reason": change.reason}
            for change in past.recent.transitions
        ],
    }
