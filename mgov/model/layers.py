"""Layer rules: which services may not depend on which, as `policy.toml` says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.model.names import matches
from mgov.model.record import NamedTuple
from mgov.model.tables import refuse_unknown, text_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mgov.model.graph import Edge, Graph
    from mgov.model.service import Service

_KEYS = ("from", "to", "reason")


class Forbidden(NamedTuple):
    """No service that `source` matches may depend on one that `target` matches. Each is a tier, a domain, or a name
    with `*` and `?`; a service matches by any of the three. `reason` is said with the finding."""

    source: str
    target: str
    reason: str = ""


def parse_forbidden(entries: Any, place: str) -> tuple[Forbidden, ...]:
    """The rules of a list of tables with `from`, `to` and perhaps `reason`; UsageError names the entry of `place`."""
    if not isinstance(entries, list):
        raise UsageError(f"{place} must be written as [[{place}]] with from and to, not {entries!r:.40}")
    return tuple(_parse_rule(entry, f"{place}[{number}]") for number, entry in enumerate(entries))


def violations(
    graph: Graph, rules: Iterable[Forbidden], services: Mapping[str, Service]
) -> list[tuple[Edge, Forbidden]]:
    """The edges that a rule forbids, each with the first rule that does; a name that nobody registered has no tier
    or domain."""
    found: dict[Edge, Forbidden] = {}
    for rule in rules:
        sources = {name for name in graph.nodes if _is_meant(rule.source, name, services)}
        targets = {name for name in graph.nodes if _is_meant(rule.target, name, services)}
        for edge in graph.edges:
            if edge.source in sources and edge.target in targets:
                found.setdefault(edge, rule)
    return sorted(found.items())


def _parse_rule(entry: Any, place: str) -> Forbidden:
    if not isinstance(entry, dict):
        raise UsageError(f"{place} must be a table with from and to, not {entry!r:.40}")
    try:
        refuse_unknown(entry, _KEYS, "a forbidden dependency")
        texts = [text_at(entry, key) for key in _KEYS]
    except UsageError as error:
        raise UsageError(f"{place}: {error.message}", hint=error.hint) from None
    for key, text in zip(_KEYS[:2], texts, strict=False):
        if not text:
            raise UsageError(f"{place} lacks {key!r}", hint='write it like { from = "web", to = "data" }')
    return Forbidden(*texts)


def _is_meant(word: str, name: str, services: Mapping[str, Service]) -> bool:
    service = services.get(name)
    return matches(word, name) or (service is not None and word in (service.tier, service.domain))
