"""The head of a report: what it is of, the fleet in a few numbers, and what needs somebody's attention first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.formats.html.markup import Raw, code, element, joined, text
from mgov.formats.html.words import KINDS, ago, counted, meter, moment, score_kind
from mgov.model.breaker_document import label
from mgov.model.fleetreport import causes_of, is_all_failing, status_counts
from mgov.model.health import HEALTHY, STARTING, STATUSES, UNHEALTHY
from mgov.model.practice import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgov.model.fleetreport import Report, Running
    from mgov.model.picture import Picture
    from mgov.model.rootcause import Cause

DEFAULT_TITLE = "Fleet report"
MAX_ROOTS, MAX_ROOTS_OF_ALL = 12, 3             # where everything fails, what fails first says little


def head(report: Report) -> Raw:
    """Title, time, and the tiles."""
    looked = f"; last sweep {ago(report.looked_at, report.at)}" if report.looked_at is not None else "; never swept"
    said = joined(("As the store ", code(report.store), " knew it at ", moment(report.at), looked, "."))
    title = element("h1", report.title or DEFAULT_TITLE)
    tiles = "".join(_tiles(report))
    return Raw(f'<header>{title}<p class="soft">{said}</p>\n<ul class="tiles">{tiles}</ul></header>\n')


def _tiles(report: Report) -> Iterator[str]:
    nodes = report.picture.nodes
    failing = sum(node.status == UNHEALTHY for node in nodes)
    healthy = sum(one.health.status == HEALTHY for one in report.running)
    unhealthy = sum(one.health.status == UNHEALTHY for one in report.running)
    opened = sum(line.breaker.state != "closed" and line.breaker.forced in ("", "open") for line in report.breakers)
    spent = sum(limit.remaining == 0 for limit in report.limits)
    words = "services" if len(nodes) != 1 else "service"
    yield _tile(f"{len(nodes):,}", f"{words}, {failing:,} failing" if failing else words, "bad" if failing else "")
    said = f"of {counted(len(report.running), 'instance')} healthy"
    yield _tile(f"{healthy:,}", said, "bad" if unhealthy else "")
    if report.card is not None:
        yield _tile(f"{report.card.score} / 100", f"audit, {counted(len(report.card.breaches), 'finding')}",
                    score_kind(report.card.score))  # fmt: skip
    yield _tile(f"{opened:,}", "breakers open" if opened != 1 else "breaker open", "bad" if opened else "")
    if report.limits:
        yield _tile(f"{spent:,}", f"of {counted(len(report.limits), 'limit')} refusing", "warn" if spent else "")


def _tile(number: str, words: str, kind: str) -> str:
    return f'<li><b{f" class={kind}" if kind else ""}>{text(number)}</b><span>{text(words)}</span></li>'


def attention(report: Report) -> Raw:
    """What fails and why, the roots first, then what else is not as it should be."""
    lines = list(_lines(report))
    bar = _strip(report.running)
    if not lines:
        calm = "Nothing fails." if report.running else "There is nothing that could fail: no instance is registered."
        return section("attention", "Needs attention", joined((element("p", calm), bar)))
    return section("attention", "Needs attention", joined((Raw(f'<ul class="roots">{"".join(lines)}</ul>'), bar), "\n"))


def section(ident: str, title: str, body: str) -> Raw:
    """A part of the page that the navigation leads to."""
    return Raw(f'<section id="{ident}"><h2>{text(title)}</h2>\n{body}</section>\n')


def _lines(report: Report) -> Iterator[str]:
    if not report.picture.nodes:
        yield _line("No service is registered yet.", "", "mgov register NAME URL", "mild")
    is_all = is_all_failing(report.picture)
    if is_all:
        yield _line("Not one service is well.", "Is it what they share, or the machine that looked?", "mgov health")
    for path in report.damaged:
        yield _line(f"{path} is damaged", "It is left out here.", "mgov store check")
    causes = causes_of(report.picture)
    reasons = _reasons(report.running)
    most = MAX_ROOTS_OF_ALL if is_all else MAX_ROOTS
    for cause in causes[:most]:
        yield _root(cause, reasons)
    if len(causes) > most:
        yield _line(f"{len(causes) - most:,} more fail for reasons of their own", "", "mgov health")
    if unseen := sum(one.health.status == STARTING for one in report.running):
        yield _line(f"{counted(unseen, 'instance')} not looked at yet", "", "mgov health", "mild")
    for line in report.breakers:
        if line.breaker.state != "closed" or line.breaker.forced:
            what = f"{line.service}/{line.instance}" if line.instance else line.service
            said = f"The breaker of {what} is {label(line.breaker)}"
            yield _line(said, line.breaker.reason, f"mgov breaker show {line.service}", "mild")
    for limit in report.limits:
        if limit.remaining == 0:
            said = f"{limit.policy.rate}, a burst of {limit.policy.burst}"
            yield _line(f"The limit {limit.name} refuses now", said, f"mgov limit show {limit.name}", "mild")
    for state in report.card.waivers if report.card is not None else ():
        if state.is_over and state.breach_count:
            waiver = state.waiver
            said = f"The waiver of {waiver.rule} for {waiver.service} ended on {waiver.until}"
            yield _line(said, waiver.reason, "mgov audit", "mild")


def _root(cause: Cause, reasons: dict[str, str]) -> str:
    name = listed(cause.root)
    said = []
    if reason := reasons.get(cause.root[0]):
        said.append(reason)
    if cause.failing:
        said.append(f"fails with it: {listed(cause.failing, 8)}")
    if cause.endangered:
        said.append(f"would suffer: {listed(cause.endangered, 8)}")
    return _line(f"{name} is unhealthy", "; ".join(said), f"mgov why {cause.root[0]}")


def _line(what: str, more: str, command: str, kind: str = "") -> str:
    parts = [element("b", what), f" {text(more)}" if more else "", "<br>", code(command)]
    return f"<li{f' class={kind}' if kind else ''}>{joined(map(Raw, parts))}</li>\n"


def _reasons(running: tuple[Running, ...]) -> dict[str, str]:
    """Why each service's first unhealthy instance is so, by the service."""
    reasons: dict[str, str] = {}
    for one in running:
        if one.health.status == UNHEALTHY:
            reasons.setdefault(one.instance.service, one.health.reason)
    return reasons


def _strip(running: tuple[Running, ...]) -> Raw:
    """All instances as one bar, a piece for each status, and the counts in words."""
    counts = status_counts(running)
    if not counts:
        return Raw("")
    pieces, left = [], 0.0
    for status in (status for status in STATUSES if status in counts):
        width = 1000 * counts[status] / len(running)
        kind = KINDS.get(status, "soft")
        pieces.append(f'<rect class="fill-{kind}" x="{left:.1f}" width="{width:.1f}" height="12"/>')
        left += width
    keys = "".join(
        f'<li><span class="sign {KINDS.get(status, "soft")}">{count:,} {status}</span></li>'
        for status, count in counts.items()
    )
    return Raw(
        '<svg class="strip" viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true">'
        f'{"".join(pieces)}</svg><ul class="keys">{keys}</ul>'
    )


def drawing(drawn: Picture, unit: str, whole: Picture, svg: str) -> Raw:
    """The graph as `svg`: `drawn` is what it shows of the `whole`, and `unit` what one box of it is. '' for none."""
    if not svg:
        return Raw("")
    said = ""
    if unit != "service":
        said = f"{counted(len(whole.nodes), 'service')}, drawn together by {unit} with their main links. One of them: "
    elif len(drawn.nodes) < len(whole.nodes):
        said = f"The {len(drawn.nodes)} services that most others touch, of {len(whole.nodes):,}. One of them: "
    note = joined((said, code(f"mgov graph --around {whole.nodes[0].name} --depth 2"))) if said else ""
    body = (
        f'{f"<p class=soft>{note}</p>" if note else ""}'
        '<input class="fit" id="report-fit" type="checkbox" checked> <label for="report-fit">Fit to the width</label>'
        f'<div class="drawing" tabindex="0" role="region" aria-label="Dependency graph">{svg}</div>'
    )
    return section("graph", "Who depends on whom", body)


__all__ = ["attention", "drawing", "head", "meter", "section"]
