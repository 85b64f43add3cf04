"""The scorecard on a terminal: the fleet's score, each rule, then the worst services with what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.cli.text import BOLD, DIM, GREEN, RED, YELLOW, cut, pad, paint
from mgov.model.auditpolicy import HIGH, MEDIUM, severity_of
from mgov.model.practices import PRACTICES

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgov.model.practice import Breach
    from mgov.model.scorecard import Scorecard

MAX_SERVICES = 5                                # a screen or two; the rest is in the table
_STYLES = {HIGH: RED, MEDIUM: YELLOW}


def card_text(card: Scorecard, *, width: int | None, has_color: bool, shown: Callable[[str], str]) -> str:
    """The scorecard as lines of at most `width` cells; evidence and commands are never cut short of their end."""

    def painted(text: str, style: str) -> str:
        return paint(text, style if has_color else None)

    lines = [painted(f"score {card.score} of 100", _score_style(card.score)), ""]
    lines += _rules(card, width or 100, painted)
    of_service: dict[str, list[Breach]] = {}
    for breach in card.breaches:
        of_service.setdefault(breach.service, []).append(breach)
    told = [score for score in card.services if score.service in of_service]
    for score in told[:MAX_SERVICES]:
        lines += ["", f"{painted(score.service, BOLD)}  {painted(str(score.score), _score_style(score.score))}"]
        for breach in of_service[score.service]:
            style = _STYLES.get(card.severity(breach), DIM)
            lines.append(f"  {painted(pad(breach.rule, 14), style)}{shown(breach.evidence)}")
            lines.append(f"  {' ' * 14}{painted('$ ' + shown(breach.mend), DIM)}")
    if len(told) > MAX_SERVICES:
        lines += ["", f"and {len(told) - MAX_SERVICES} more services: mgov audit -o table"]
    lines += ["", *(f"{name}  damaged: mgov store check" for name in card.damaged)] if card.damaged else []
    return "".join(f"{line}\n" for line in lines)


def _rules(card: Scorecard, width: int, painted: Callable[[str, str], str]) -> list[str]:
    lines = []
    for rule, weight in sorted(card.weights.items(), key=lambda item: -item[1]):
        count = card.broken_by(rule)
        style = _STYLES.get(severity_of(weight), DIM) if count else GREEN
        mark = painted(pad(f"broken by {count}" if count else "kept", 15), style)
        lines.append(f"{pad(rule, 14)}{mark}{cut(PRACTICES[rule].asks, max(10, width - 29))}")
    return lines


def _score_style(score: int) -> str:
    return GREEN if score >= 80 else YELLOW if score >= 50 else RED
