"""The past of an instance in words, rows and JSON: availability, latency, its last results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.cli.text import fit
from mgov.cli.times import time_of
from mgov.cli.view import CSV, WIDE
from mgov.model.history import Summary, sparkline, summarize
from mgov.model.units import format_age

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgov.cli.session import Session
    from mgov.governance.checked import Checked
    from mgov.governance.observed import Past
    from mgov.model.history import Transition

SHOWN_TRANSITIONS = 5
HISTORY_COLUMNS = ("up_24h", "p95_ms", "last_results", "up_1h", "up_7d", "p50_ms", "p99_ms", "changed_at")
_PLAIN_BARS = str.maketrans("▁▂▃▄▅▆▇█", "........")


def summary_of(past: Past | None, now: float) -> Summary | None:
    """The summary of a past; None where nobody ever looked."""
    return summarize(past.recent, past.hours, now=now) if past is not None and past.recent.samples else None


def past_rows(instance: str, past: Past | None, now: float, encoding: str) -> list[tuple[str, str]]:
    """The rows that `show NAME` adds for an instance: its past in one line, and its newest change."""
    summary = summary_of(past, now)
    if past is None or summary is None:
        return []
    words = [spark(past, encoding), f"up {_shares_text(summary)}", _latency_text(summary)]
    return [
        ("past", "  ".join([instance, *(word for word in words if word)])),
        *(("changed", f"{instance}  {_change_text(change, now)}") for change in past.recent.transitions[-1:]),
    ]


def history_cells(past: Past | None, now: float, encoding: str) -> tuple[Any, ...]:
    """The cells of `HISTORY_COLUMNS`."""
    summary = summary_of(past, now)
    if past is None or summary is None:
        return (None,) * len(HISTORY_COLUMNS)
    p50_ms, p95_ms, p99_ms = (
        round(value, 1) if value is not None else None for value in (summary.p50_ms, summary.p95_ms, summary.p99_ms)
    )
    changes = past.recent.transitions
    return (
        share_text(summary.up_24h), p95_ms, spark(past, encoding),
        share_text(summary.up_1h), share_text(summary.up_7d), p50_ms, p99_ms,
        time_of(changes[-1].at) if changes else None,
    )  # fmt: skip


def history_of(session: Session) -> Callable[[Checked], tuple[Any, ...]] | None:
    """What gives a result's history columns; None where none of them is printed."""
    out = session.out
    if out.format not in (WIDE, CSV) and not set(HISTORY_COLUMNS) & set(out.columns):
        return None

    pasts: dict[str, dict[str, Past]] = {}

    def cells_of(result: Checked) -> tuple[Any, ...]:
        if result.service and result.service not in pasts:
            pasts[result.service] = session.platform().past(result.service)
        past = pasts.get(result.service, {}).get(result.instance)
        return history_cells(past, session.clock.now(), out.encoding)

    return cells_of


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
    rows = [("up", _shares_text(summary))]
    if latency := _latency_text(summary):
        rows.append(("latency in 24h", latency))
    rows.append(("last results", spark(past, encoding)))
    changes = reversed(past.recent.transitions[-SHOWN_TRANSITIONS:])
    return [*rows, *(("changed", _change_text(change, now)) for change in changes)]


def _rounded(value: float | None) -> float | None:
    return round(value, 4) if value is not None else None


def _shares_text(summary: Summary) -> str:
    shares = ((summary.up_1h, "1h"), (summary.up_24h, "24h"), (summary.up_7d, "7d"))
    return ", ".join(f"{share_text(share)} in {span}" for share, span in shares if share is not None)


def _latency_text(summary: Summary) -> str:
    percentiles = ((summary.p50_ms, "p50"), (summary.p95_ms, "p95"), (summary.p99_ms, "p99"))
    return ", ".join(f"{name} {value:.3g} ms" for value, name in percentiles if value is not None)


def _change_text(change: Transition, now: float) -> str:
    before = f"{change.before} to " if change.before else ""
    reason = f" ({change.reason})" if change.reason else ""
    return f"{format_age(now - change.at)} ago, {before}{change.after}{reason}"


def history_json(past: Past | None, now: float) -> dict[str, Any] | None:
    """A past as scripts read it; shares are 0 to 1, latencies milliseconds."""
    summary = summary_of(past, now)
    if past is None or summary is None:
        return None
    return {
        **{key: _rounded(value) for key, value in summary._asdict().items()},
        "samples": [
            {"at": time_of(sample.at), "status": sample.status, "latency_ms": _rounded(sample.latency_ms)}
            for sample in past.recent.samples
        ],
        "transitions": [
            {"at": time_of(change.at), "before": change.before or None, "status": change.after, "reason": change.reason}
            for change in past.recent.transitions
        ],
    }
