"""How statuses, severities and scores are said: a word, and beside it a sign in its own shape and colour."""

from __future__ import annotations

from mgov.formats.html.markup import Raw, joined, text
from mgov.model.auditpolicy import HIGH, MEDIUM
from mgov.model.health import DEGRADED, HEALTHY, MAINTENANCE, STARTING, UNHEALTHY
from mgov.model.picture import EMPTY, MISSING
from mgov.model.units import format_age, format_time

KINDS = {
    HEALTHY: "good", DEGRADED: "warn", UNHEALTHY: "bad", STARTING: "calm", MAINTENANCE: "calm", MISSING: "bad",
    HIGH: "bad", MEDIUM: "warn", "open": "bad", "half-open": "warn", "closed": "good", "forced open": "bad",
    "forced closed": "warn", "off": "warn",
}  # fmt: skip
WORDS = {EMPTY: "no instances", MISSING: "not registered"}
GOOD_SCORE, FAIR_SCORE = 80, 50


def sign(word: str, more: str = "") -> Raw:
    """A status with its sign in a cell of a table, `more` in plain words behind it. It is short: there are many."""
    shown = Raw(f"<b class={KINDS.get(word, 'soft')}>{text(WORDS.get(word, word))}</b>")
    return joined((shown, f", {more}")) if more else shown


def score_kind(score: int) -> str:
    """The colour of a score."""
    return "good" if score >= GOOD_SCORE else "warn" if score >= FAIR_SCORE else "bad"


def meter(share: float, kind: str) -> Raw:
    """A bar that is filled to `share` (0 to 1); its words stand beside it."""
    width = round(100 * min(1.0, max(0.0, share)), 1)
    filled = f'<rect class="fill-{kind}" width="{width:g}" height="8"/>'
    return Raw(
        '<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="fill-none" width="100" height="8"/>{filled}</svg>'
    )


def ago(at: float | None, now: float) -> str:
    """How long before `now` something was; '' where it never was."""
    return f"{format_age(now - at)} ago" if at is not None else ""


def moment(at: float) -> Raw:
    """A time, to the second, in UTC."""
    exact = format_time(at)
    return Raw(f'<time datetime="{exact}">{exact[:10]} {exact[11:19]} UTC</time>')


def counted(count: int, one: str, many: str = "") -> str:
    """`1 service`, `2 services`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
