"""What a failing sweep means: the root first, what follows from it under it, and when the looker is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.health import UNHEALTHY
from mgov.model.rootcause import diagnose, failing_services, suspect_prober

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.cli.session import Session
    from mgov.governance.checked import Checked
    from mgov.model.graph import Graph

SHOWN_NAMES = 8


def tell_causes(session: Session, results: Sequence[Checked]) -> None:
    """Say on stderr, after a sweep with failures, what failed first and who suffers; nothing where all is well."""
    suspicion = suspicion_of(results)
    if suspicion:
        session.out.warn(suspicion)
    for line in cause_lines(session, results):
        session.out.note(line)


def suspicion_of(results: Sequence[Checked]) -> str:
    """A sentence that suspects this machine rather than every target at once; '' without a reason to."""
    return suspect_prober([result.to_result() for result in results])


def cause_lines(session: Session, results: Sequence[Checked]) -> list[str]:
    """Each root of what fails, and under it who fails because of it or would suffer; a root without dependents is left
    out."""
    failing = failing_services([result.to_result() for result in results])
    if not failing:
        return []
    lines = []
    failed = [result for result in results if result.health.status == UNHEALTHY and not result.is_local]
    reasons = {result.service: result.health.reason for result in reversed(failed)}
    for cause in diagnose(graph_of(session), failing).causes:
        if cause.failing or cause.endangered:
            why = f": {reasons[cause.root[0]]}" if reasons.get(cause.root[0]) else ""
            lines.append(f"{' and '.join(cause.root)} fails first{why}")
            if cause.failing:
                lines.append(f"  because of it: {_listed(cause.failing)}")
            if cause.endangered:
                lines.append(f"  would suffer: {_listed(cause.endangered)}")
    return lines


def graph_of(session: Session) -> Graph:
    """The graph of what the store's services declare."""
    return session.platform().registry.graph()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more
