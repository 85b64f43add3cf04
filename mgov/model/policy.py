"""The policy of a fleet: what its people agreed on, as they write it into `policy.toml`.

    [[graph.forbidden]]         # a dependency that nobody may declare; see model.layers
    from = "web"
    to = "data"
    reason = "through the orders API"

    [audit]                     # what the rules of `mgov audit` weigh, and what they let pass; see model.auditpolicy
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.model.auditpolicy import AuditPolicy, parse_audit_policy
from mgov.model.layers import Forbidden, parse_forbidden
from mgov.model.record import NamedTuple
from mgov.model.tables import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Mapping


class Policy(NamedTuple):
    """What `policy.toml` says; without one, nothing is forbidden and the usual weights count."""

    forbidden: tuple[Forbidden, ...] = ()
    audit: AuditPolicy = AuditPolicy()


def parse_policy(document: Mapping[str, Any]) -> Policy:
    """The policy in a document; raise UsageError naming the key, with a suggestion for one that is not known."""
    refuse_unknown(document, ("graph", "audit"), "the policy")
    graph = document.get("graph", {})
    if not isinstance(graph, dict):
        raise UsageError(f"graph must be a table, not {graph!r:.40}")
    refuse_unknown(graph, ("forbidden",), "graph")
    return Policy(
        parse_forbidden(graph.get("forbidden", []), "graph.forbidden"), parse_audit_policy(document.get("audit", {}))
    )
