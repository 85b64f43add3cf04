"""What the newest look at an instance saw that found it not healthy: kept, so that the cause can be told later.

Phases in milliseconds, what was read, and what was observed against what was expected. It is foreign text in part, and
a store keeps it: texts and lists are cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.model.health import HEALTHY
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.model.health import Observation

KEPT_CHARS = 200
KEPT_ITEMS = 20
_PHASES = (
    ("dns_ms", "dns"), ("connect_ms", "connect"), ("tls_ms", "tls"),
    ("first_byte_ms", "first byte"), ("total_ms", "total"),
)  # fmt: skip


class Evidence(NamedTuple):
    """What was seen at `at`: the status and the reason that followed, and the facts (see `model.judgement`)."""

    at: float
    status: str
    reason: str
    facts: Mapping[str, Any] = {}

    @property
    def phases(self) -> list[tuple[str, float]]:
        """How far it got: each phase that was reached, in its order, with its milliseconds."""
        return [(word, self.facts[key]) for key, word in _PHASES if key in self.facts]

    @property
    def unmet(self) -> list[tuple[str, str]]:
        """(expected, observed) of each expectation that did not hold."""
        return [(e["expect"], e["observed"]) for e in self.facts.get("expectations", ()) if not e["is_met"]]


def evidence_of(seen: Observation) -> Evidence | None:
    """What is kept of an observation; None for a healthy one."""
    if seen.status == HEALTHY:
        return None
    return Evidence(seen.checked_at, seen.status, _bounded(seen.reason), _bounded(seen.evidence))


def evidence_value(evidence: Evidence) -> dict[str, Any]:
    """The JSON-able form that `evidence_from` reads."""
    return {**evidence._asdict(), "facts": dict(evidence.facts)}


def evidence_from(value: Mapping[str, Any]) -> Evidence:
    """What `evidence_value` wrote."""
    return Evidence(value["at"], value["status"], value["reason"], value["facts"])


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= KEPT_CHARS else value[: KEPT_CHARS - 1] + "…"
    if isinstance(value, dict):
        return {key: _bounded(item) for key, item in list(value.items())[:KEPT_ITEMS]}
    if isinstance(value, list):
        return [_bounded(item) for item in value[:KEPT_ITEMS]]
    return value
