"""The tables of a report: services, the audit's findings, breakers, limits, instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.formats.html.head import section
from mgov.formats.html.markup import Head, Raw, code, element, joined, table, text
from mgov.formats.html.words import ago, counted, meter, score_kind, sign
from mgov.model.breaker_document import label
from mgov.model.fleetreport import by_urgency, touching, worst_first
from mgov.model.practices import PRACTICES
from mgov.model.scorecard import HOW_SCORED
from mgov.model.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mgov.model.fleetreport import Report
    from mgov.model.health import Health
    from mgov.model.scorecard import Scorecard

# What a table may take at most: together with a drawing a page stays below 3 MB, whatever a fleet holds.
SERVICES_BYTES, FINDINGS_BYTES, INSTANCES_BYTES, OTHER_BYTES = 300_000, 850_000, 1_300_000, 50_000
MAX_OPEN_ROWS = 100                             # a longer table is folded at first


def services(report: Report) -> Raw:
    """Every service: who owns it, how it is, whom it needs, how it was audited."""
    scores = {score.service: score.score for score in report.card.services} if report.card is not None else {}
    touched = touching(report.picture)
    rows = [
        (
            _named(node.name, node.service.title),
            sign(node.status, "stale" if node.is_stale else ""),
            f"{node.healthy_count}/{node.instance_count}" if node.instance_count else "",
            str(scores.get(node.name, "")),
            node.service.owner, node.service.domain, node.service.version,
            *map(str, touched[node.name]),
        )
        for node in worst_first(report.picture)
    ]  # fmt: skip
    heads = (
        Head("Service"), Head("Status"), Head("Healthy", is_number=True), Head("Score", is_number=True, is_minor=True),
        Head("Owner", is_minor=True), Head("Domain", is_minor=True), Head("Version", is_minor=True),
        Head("Needs", is_number=True, is_minor=True), Head("Needed by", is_number=True, is_minor=True),
    )  # fmt: skip
    return _listed("services", "Services", heads, rows, SERVICES_BYTES, "mgov services")


def instances(report: Report) -> Raw:
    """Every instance, what fails first."""
    rows = [
        (
            one.instance.service, one.instance.id, one.instance.url, sign(one.health.status),
            _reason(one.health, report.at), _milliseconds(one.health.latency_ms), one.instance.region,
        )
        for one in by_urgency(report.running)
    ]  # fmt: skip
    heads = (
        Head("Service"), Head("Instance", is_minor=True), Head("Address"), Head("Status"), Head("Reason"),
        Head("Latency", is_number=True, is_minor=True), Head("Region", is_minor=True),
    )  # fmt: skip
    return _listed("instances", "Instances", heads, rows, INSTANCES_BYTES, "mgov instances")


def audit(card: Scorecard | None) -> Raw:
    """The rules and how many break each, then what breaks them and the command that mends it."""
    if card is None:
        return Raw("")
    rules = joined(map(Raw, _rules(card)))
    rows = [
        (sign(card.severity(b)), b.rule, b.service, b.evidence, code(b.mend)) for b in card.breaches
    ]
    heads = (
        Head("Severity"), Head("Rule"), Head("Service"), Head("Evidence", is_wide=True), Head("Mend", is_wide=True),
    )  # fmt: skip
    waived = f"<p class=soft>{counted(len(card.waived), 'finding')} waived in policy.toml.</p>" if card.waived else ""
    if rows:
        found = _fold("Findings", heads, rows, FINDINGS_BYTES, "mgov audit -o csv")
    else:
        found = element("p", "Nothing found.")
    body = (
        f'<p><b class="{score_kind(card.score)}">{card.score} of 100.</b> {text(HOW_SCORED)}</p>\n'
        '<div class="scroll" tabindex="0" role="region" aria-label="Rules">'
        '<table class="wide1 num2 minor2 num4 minor4">'
        '<caption class="quiet">Rules</caption><thead><tr><th scope="col">Rule</th><th scope="col">Weight</th>'
        '<th scope="col">Kept</th><th scope="col">Broken by</th></tr></thead>\n'
        f"<tbody>{rules}</tbody></table></div>{waived}\n{found}"
    )
    return section("audit", "Best practices", body)


def breakers(report: Report) -> Raw:
    """The breakers that were used, or are not simply closed."""
    notable = sorted(
        (line for line in report.breakers if line.is_notable), key=lambda line: line.breaker.state == "closed"
    )
    if not notable:
        return Raw("")
    rows = [
        (
            f"{line.service}/{line.instance}" if line.instance else line.service, sign(label(line.breaker)),
            line.breaker.reason, f"{line.breaker.total:,}", f"{line.breaker.failed:,}", f"{line.breaker.rejected:,}",
            ago(line.breaker.last_failure_at or None, report.at),
        )
        for line in notable
    ]  # fmt: skip
    heads = (
        Head("Breaker"), Head("State"), Head("Why"), Head("Calls", is_number=True), Head("Failed", is_number=True),
        Head("Rejected", is_number=True), Head("Last failure", is_minor=True),
    )  # fmt: skip
    return _listed("breakers", "Breakers", heads, rows, OTHER_BYTES, "mgov breaker list")


def limits(report: Report) -> Raw:
    """The rate limits and what is left of each."""
    if not report.limits:
        return Raw("")
    rows = [
        (
            limit.name, limit.policy.rate, str(limit.policy.burst), str(limit.remaining),
            format_duration(round(limit.full_after_s, 1)) if limit.full_after_s else "",
        )
        for limit in report.limits
    ]  # fmt: skip
    heads = (
        Head("Limit"), Head("Rate"), Head("Burst", is_number=True), Head("Left now", is_number=True),
        Head("Full again in", is_minor=True),
    )  # fmt: skip
    return _listed("limits", "Limits", heads, rows, OTHER_BYTES, "mgov limit list")


def _listed(
    ident: str, title: str, heads: Sequence[Head], rows: Sequence[Sequence[str]], most_bytes: int, rest: str
) -> Raw:
    if not rows:
        return Raw("")
    if len(rows) > MAX_OPEN_ROWS:
        body = _fold(title, heads, rows, most_bytes, rest, level="h2")
        return Raw(f'<section id="{ident}">{body}</section>\n')
    return section(ident, title, table(title, heads, rows, most_bytes=most_bytes, rest=rest))


def _fold(
    title: str, heads: Sequence[Head], rows: Sequence[Sequence[str]], most_bytes: int, rest: str, level: str = "h3"
) -> Raw:
    """A table under a title that opens and shuts it; a short one is open at first."""
    is_open = " open" if len(rows) <= MAX_OPEN_ROWS else ""
    shown = table(title, heads, rows, most_bytes=most_bytes, rest=rest)
    summary = f"<{level}>{text(title)}</{level}> <span class=soft>({len(rows):,})</span>"
    return Raw(f"<details{is_open}><summary>{summary}</summary>\n{shown}</details>")


def _rules(card: Scorecard) -> Iterator[str]:
    total = len(card.services)
    for rule, weight in sorted(card.weights.items(), key=lambda item: (-item[1], item[0])):
        count = card.broken_by(rule)
        share = (total - count) / total if total else 1.0
        bar = Raw(f"<span class=even>{meter(share, score_kind(int(100 * share)))} {share:.0%}</span>")
        asked = Raw(f"{text(rule)}<br><span class=soft>{text(PRACTICES[rule].asks)}</span>")
        cells: Iterable[str] = (asked, str(weight), bar, f"{count:,}")
        yield "<tr><td>" + joined(cells, "<td>")


def _named(name: str, title: str) -> Raw:
    if not title or title == name:
        return text(name)
    return Raw(f"{text(name)}<br><span class=soft>{text(title)}</span>")


def _reason(health: Health, now: float) -> str:
    if not health.stale:
        return health.reason
    seen = f"last seen {ago(health.checked_at, now)}" if health.checked_at is not None else ""
    return "; ".join(part for part in (seen, health.reason) if part)


def _milliseconds(latency_ms: float | None) -> str:
    return f"{latency_ms:.1f} ms" if latency_ms is not None else ""
