"""The scorecard: how much of what the rules ask for holds, for each service and for the fleet.

A service's score is the weight of the rules that it keeps as a percentage of the weight of all rules, rounded down; the
fleet's is the mean of its services', rounded down. A waived breach counts as kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.auditpolicy import severity_of
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from mgov.model.auditpolicy import Waiver
    from mgov.model.practice import Breach

HOW_SCORED = (
    "A service's score is the weight of the rules that it keeps as a percentage of all; the fleet's is their mean."
)


class Score(NamedTuple):
    """What a service reached, 0 to 100, and the rules that it breaks."""

    service: str
    score: int
    broken: tuple[str, ...] = ()


class Waived(NamedTuple):
    """A breach that counts against nobody, and the waiver that lets it pass."""

    breach: Breach
    waiver: Waiver


class WaiverState(NamedTuple):
    """A waiver, whether it has ended, how many breaches it lets pass, or would if it had not, and how many of the
    services that were asked about it speaks of."""

    waiver: Waiver
    is_over: bool
    breach_count: int
    service_count: int


class Scorecard(NamedTuple):
    """An audit's answer: `services` by score, the worst first; `breaches` by weight, the heaviest first; `weights` are
    those of the rules that were asked; `damaged` are services that could not be read and have no score."""

    score: int
    services: tuple[Score, ...]
    breaches: tuple[Breach, ...]
    waived: tuple[Waived, ...] = ()
    waivers: tuple[WaiverState, ...] = ()
    weights: Mapping[str, int] = {}
    damaged: tuple[str, ...] = ()

    def severity(self, breach: Breach) -> str:
        """The word for what a breach weighs."""
        return severity_of(self.weights[breach.rule])

    def broken_by(self, rule: str) -> int:
        """How many services break `rule`."""
        return sum(rule in score.broken for score in self.services)


def score_fleet(
    names: Collection[str],
    breaches: Iterable[Breach],
    weights: Mapping[str, int],
    waivers: Sequence[Waiver] = (),
    *,
    today: str,
    damaged: Collection[str] = (),
) -> Scorecard:
    """The scorecard of the services `names` by the rules in `weights`, all above 0; `today` is YYYY-MM-DD."""
    found = [breach for breach in breaches if any(name in names for name in breach.blamed)]
    counted, waived = _split(found, [waiver for waiver in waivers if not waiver.is_over(today)])
    broken: dict[str, list[str]] = {name: [] for name in names}
    for breach in counted:
        for name in breach.blamed:
            if name in broken and breach.rule not in broken[name]:
                broken[name].append(breach.rule)
    total = sum(weights.values())
    scores = [
        Score(name, 100 * (total - sum(weights[rule] for rule in rules)) // total, tuple(rules))
        for name, rules in broken.items()
    ]
    scores.sort(key=lambda score: (score.score, score.service))
    states = tuple(
        WaiverState(one, one.is_over(today), _matched(one, found), _spoken_of(one, {*names, *damaged}))
        for one in waivers
    )
    counted.sort(key=lambda breach: (-weights[breach.rule], breach.rule, breach.service))
    mean = sum(score.score for score in scores) // len(scores) if scores else 0
    return Scorecard(mean, tuple(scores), tuple(counted), tuple(waived), states, weights, tuple(sorted(damaged)))


def _split(breaches: Iterable[Breach], waivers: Sequence[Waiver]) -> tuple[list[Breach], list[Waived]]:
    """What counts, and what is waived for everybody that it blames; who is waived is no longer blamed for the rest."""
    counted: list[Breach] = []
    waived: list[Waived] = []
    for breach in breaches:
        known = [waiver for waiver in waivers if waiver.rule == breach.rule]
        let = {name: waiver for waiver in known for name in breach.blamed if waiver.covers(breach.rule, name)}
        left = tuple(name for name in breach.blamed if name not in let)
        if not left:
            waived.append(Waived(breach, next(iter(let.values()))))
        elif let:
            counted.append(breach._replace(service=left[0], services=left))
        else:
            counted.append(breach)
    return counted, waived


def _matched(waiver: Waiver, breaches: Iterable[Breach]) -> int:
    return sum(any(waiver.covers(breach.rule, name) for name in breach.blamed) for breach in breaches)


def _spoken_of(waiver: Waiver, names: Iterable[str]) -> int:
    return sum(waiver.covers(waiver.rule, name) for name in names)
