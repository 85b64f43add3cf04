"""What a failing sweep means: the root first, what follows from it under it, and when the looker is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.rootcause import diagnose, failing_services, suspect_prober

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.cli.session import Session
    from mgov.governance.checked import Checked
    from mgov.model.graph import Graph

SHOWN_NAMES = 8


def tell_causes(session: Session, results: Sequence[Checked]) -> None:
    """Say on stderr, after a sweep with failures, what failed first and who suffers; nothing where all is well."""
    found = [result.to_result() for result in results]
    suspicion = suspect_prober(found)
    if suspicion:
        session.out.warn(suspicion)
    failing = failing_services(found)
    if not failing:
        return
    reasons = {r.service: r.health.reason for r in reversed(results) if r.service in failing and r.is_failing}
    for cause in diagnose(graph_of(session), failing).causes:
        if cause.failing or cause.endangered:
            why = f": {reasons[cause.root[0]]}" if reasons.get(cause.root[0]) else ""
            session.out.note(f"{' and '.join(cause.root)} fails first{why}")
            if cause.failing:
                session.out.note(f"  because of it: {_listed(cause.failing)}")
            if cause.endangered:
                session.out.note(f"  would suffer: {_listed(cause.endangered)}")


def graph_of(session: Session) -> Graph:
    """The graph of what the store's services declare."""
    return session.platform().registry.graph()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more
