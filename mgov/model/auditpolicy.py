"""How a fleet wants to be audited: what each rule weighs, and what is let pass, for how long and why.

    [audit]                     # in policy.toml
    max_domains = 3             # that one chain of synchronous calls may pass

    [audit.weights]             # 0 switches a rule off
    redundancy = 30
    configuration = 0

    [[audit.waivers]]
    rule = "redundancy"
    service = "batch-*"
    reason = "runs once a night"
    until = "2027-03-31"        # the last day on which it holds, in UTC; with or without quotes
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.model.names import matches, suggest
from mgov.model.record import NamedTuple
from mgov.model.tables import refuse_unknown, text_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OWNERSHIP, HEALTH_CHECK, REDUNDANCY, DANGLING, CYCLE, BREAKER, DOMAINS, DATASTORE, API, CONFIGURATION = (
    "ownership", "health-check", "redundancy", "dangling", "cycle", "breaker", "domains", "datastore", "api",
    "configuration",
)  # fmt: skip
WEIGHTS: Mapping[str, int] = {
    HEALTH_CHECK: 20, CYCLE: 15, DANGLING: 15, REDUNDANCY: 15, API: 10, BREAKER: 10, DATASTORE: 10, DOMAINS: 10,
    OWNERSHIP: 10, CONFIGURATION: 5,
}  # fmt: skip
RULES = tuple(WEIGHTS)
HIGH, MEDIUM, LOW = ("high", "medium", "low")
MAX_WEIGHT = 1000
MAX_DOMAINS = 3
_WAIVER_KEYS = ("rule", "service", "reason", "until")


class Waiver(NamedTuple):
    """What is let pass: the breaches of `rule` by the services that the glob `service` matches, through the day
    `until` (YYYY-MM-DD, in UTC)."""

    rule: str
    service: str
    reason: str
    until: str

    def is_over(self, today: str) -> bool:
        """Whether it has ended by the day `today`."""
        return self.until < today

    def covers(self, rule: str, service: str) -> bool:
        """Whether it speaks of this service under this rule."""
        return rule == self.rule and matches(self.service, service)


class AuditPolicy(NamedTuple):
    """The tables above. `weights` holds what each rule weighs; `max_domains` is at least 1."""

    weights: Mapping[str, int] = WEIGHTS
    waivers: tuple[Waiver, ...] = ()
    max_domains: int = MAX_DOMAINS


def severity_of(weight: int) -> str:
    """The word for a weight: high from 15 on, medium from 10 on, else low."""
    return HIGH if weight >= 15 else MEDIUM if weight >= 10 else LOW


def parse_audit_policy(table: Any) -> AuditPolicy:
    """The policy in an `[audit]` table; raise UsageError naming the key at fault."""
    if not isinstance(table, dict):
        raise UsageError(f"audit must be a table, not {table!r:.40}")
    refuse_unknown(table, ("weights", "waivers", "max_domains"), "audit")
    most = table.get("max_domains", MAX_DOMAINS)
    if type(most) is not int or most < 1:
        raise UsageError(f"audit.max_domains must be a whole number from 1 on, not {most!r:.40}")
    return AuditPolicy(_parse_weights(table.get("weights", {})), _parse_waivers(table.get("waivers", [])), most)


def check_rules(names: Sequence[str]) -> tuple[str, ...]:
    """The rules that `names` names, each once, in the order of RULES; raise UsageError for one that is none."""
    for name in names:
        _check_rule(name, "")
    return tuple(rule for rule in RULES if rule in names)


def _check_rule(name: str, place: str) -> str:
    if name in WEIGHTS:
        return name
    near = suggest(name, list(RULES))
    hint = f"one of {', '.join(RULES)}"
    raise UsageError(f"{place}there is no rule {name[:40]!r}", hint=f"did you mean {near}? {hint}" if near else hint)


def _parse_weights(table: Any) -> Mapping[str, int]:
    if not isinstance(table, dict):
        raise UsageError(f"audit.weights must be a table, not {table!r:.40}")
    for rule, weight in table.items():
        _check_rule(rule, "audit.weights: ")
        if type(weight) is not int or not 0 <= weight <= MAX_WEIGHT:
            raise UsageError(f"audit.weights.{rule} must be a whole number from 0 to {MAX_WEIGHT}, not {weight!r:.40}")
    weights = {**WEIGHTS, **table}
    if not any(weights.values()):
        raise UsageError("audit.weights leaves no rule with a weight above 0")
    return weights


def _parse_waivers(entries: Any) -> tuple[Waiver, ...]:
    if not isinstance(entries, list):
        raise UsageError(f"audit.waivers must be written as [[audit.waivers]], not {entries!r:.40}")
    return tuple(_parse_waiver(entry, f"audit.waivers[{number}]") for number, entry in enumerate(entries))


def _parse_waiver(entry: Any, place: str) -> Waiver:
    if not isinstance(entry, dict):
        raise UsageError(f"{place} must be a table of {', '.join(_WAIVER_KEYS)}, not {entry!r:.40}")
    try:
        refuse_unknown(entry, _WAIVER_KEYS, "a waiver")
        waiver = Waiver(*(text_at({**entry, "until": _as_text(entry.get("until", ""))}, key) for key in _WAIVER_KEYS))
    except UsageError as error:
        raise UsageError(f"{place}: {error.message}", hint=error.hint) from None
    for key, text in zip(_WAIVER_KEYS, waiver, strict=True):
        if not text:
            raise UsageError(f"{place} lacks {key!r}", hint="a waiver says rule, service, reason and until")
    _check_rule(waiver.rule, f"{place}: ")
    if not _is_day(waiver.until):
        raise UsageError(f"{place}: {waiver.until[:40]!r} is no day", hint='write until = "2027-03-31"')
    return waiver


def _as_text(day: Any) -> Any:
    """A day as TOML writes one without quotes, as text; all else as it is."""
    from datetime import date, datetime

    return day.isoformat() if isinstance(day, date) and not isinstance(day, datetime) else day


def _is_day(text: str) -> bool:
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
