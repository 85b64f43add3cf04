"""audit: the best practices as a scorecard, and as a gate in CI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mgov.cli.findings import report_findings
from mgov.cli.options import STANDARD, Context, command
from mgov.cli.text import DIM, RED, YELLOW
from mgov.cli.view import Column, View
from mgov.errors import NO, OK, UsageError
from mgov.model.auditpolicy import HIGH, LOW, MEDIUM, RULES
from mgov.model.finding import Finding
from mgov.model.units import format_time

if TYPE_CHECKING:
    from mgov.cli.session import Session
    from mgov.model.practice import Breach
    from mgov.model.scorecard import Scorecard

COLUMNS = (
    Column("rule"),
    Column("service"),
    Column("severity", style={HIGH: RED, MEDIUM: YELLOW, LOW: DIM}.get),
    Column("evidence"),
    Column("mend"),
)


@command(
    "mgov audit", "mgov audit 'shop-*' --rule redundancy --rule cycle", "mgov audit --min 80 --junit audit.xml",
    formats=("card", *STANDARD), columns=COLUMNS,
)  # fmt: skip
def audit(
    ctx: Context,
    glob: Annotated[str, typer.Argument(metavar="GLOB", help="Services whose name matches, such as 'ord*'")] = "*",
    least: Annotated[
        int | None, typer.Option("--min", metavar="SCORE", min=0, max=100, help="1 when the score is below")
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=f"Only by this rule; repeat for more: {', '.join(RULES)}")
    ] = None,
    junit: Annotated[str | None, typer.Option(metavar="FILE", help="Write a JUnit report")] = None,
    github: Annotated[bool, typer.Option("--github", help="Annotate for GitHub Actions [there by itself]")] = False,
) -> View:
    """Hold the fleet to the best practices: what breaks a rule, the evidence, and the command that mends it. A
    service's score is the weight of the rules that it keeps as a percentage of all, and the fleet's is their mean.

    Weights and waivers stand under [audit] in the store's policy.toml. Nothing is probed and nothing changed. It ends
    with 0 whatever is found, unless --min asks for more.
    """
    session = ctx.obj
    if "" in (rule or ()):
        raise UsageError("--rule is empty", hint=f"one of {', '.join(RULES)}")
    card = session.platform().audit.score(glob, rules=rule or ())
    _warn_of_waivers(session, card, is_whole_fleet=glob == "*")
    report_findings(
        session, _findings(card), tuple(card.weights), name="mgov audit", junit=junit, is_github=github
    )
    return View(
        COLUMNS,
        lambda: [(b.rule, b.service, card.severity(b), b.evidence, b.mend) for b in card.breaches],
        lambda: _card_json(card, session.clock.now()),
        status=NO if least is not None and card.score < least else OK,
        names=[score.service for score in card.services if score.broken],
        summary=_summary(card, least),
        extras={"card": lambda: _card(session, card)},
    )


def _card(session: Session, card: Scorecard) -> str:
    from mgov.cli.auditcard import card_text

    out = session.out
    return card_text(card, width=out.width, has_color=out.has_color(out.stdout), shown=out.shown)


def _warn_of_waivers(session: Session, card: Scorecard, *, is_whole_fleet: bool) -> None:
    for state in card.waivers:
        waiver = state.waiver
        said = f"the waiver of {waiver.rule} for {waiver.service}"
        if state.is_over and state.breach_count:
            session.out.warn(f"{said} ended on {waiver.until}: {waiver.reason}")
        elif is_whole_fleet and not state.service_count:
            session.out.warn(f"{said} lets nothing pass: no service has such a name")


def _findings(card: Scorecard) -> list[Finding]:
    return [Finding(b.rule, b.service, f"{b.evidence}; mend: {b.mend}", b.blamed) for b in card.breaches]


def _summary(card: Scorecard, least: int | None) -> str:
    count, damaged = len(card.breaches), len(card.damaged)
    parts = [f"{card.score} of 100"] + ([f"at least {least} is asked for"] if least is not None else [])
    parts += [f"{len(card.services)} services" if len(card.services) != 1 else "1 service"]
    parts += [f"{count} findings" if count != 1 else "1 finding"]
    parts += [f"{len(card.waived)} waived"] if card.waived else []
    parts += [f"{damaged} damaged: mgov store check"] if damaged else []
    return ", ".join(parts)


def _card_json(card: Scorecard, now: float) -> dict[str, Any]:
    return {
        "score": card.score,
        "service_count": len(card.services),
        "finding_count": len(card.breaches),
        "rules": [
            {"name": rule, "weight": weight, "broken_by": card.broken_by(rule)} for rule, weight in card.weights.items()
        ],
        "services": [{"name": s.service, "score": s.score, "broken": list(s.broken)} for s in card.services],
        "findings": [_breach_json(card, breach) for breach in card.breaches],
        "waived": [
            {**_breach_json(card, one.breach), "reason": one.waiver.reason, "until": one.waiver.until}
            for one in card.waived
        ],
        "waivers": [
            {**state.waiver._asdict(), "is_over": state.is_over, "finding_count": state.breach_count,
             "service_count": state.service_count}
            for state in card.waivers
        ],
        "damaged": list(card.damaged),
        "at": format_time(now),
    }


def _breach_json(card: Scorecard, breach: Breach) -> dict[str, Any]:
    return {
        "rule": breach.rule,
        "severity": card.severity(breach),
        "weight": card.weights[breach.rule],
        "service": breach.service,
        "services": list(breach.blamed),
        "evidence": breach.evidence,
        "mend": breach.mend,
    }
