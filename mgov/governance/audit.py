"""The best practices as rules over the fleet: what the store holds, held to them, as a scorecard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import NotFound
from mgov.governance.breaker_store import kept
from mgov.governance.definition import definition_tables
from mgov.governance.fleet import suggest_service
from mgov.model.auditpolicy import check_rules
from mgov.model.graph import Graph
from mgov.model.instance import from_value
from mgov.model.names import matches
from mgov.model.policy import parse_policy
from mgov.model.practice import Facts, Guard
from mgov.model.practices import find_breaches
from mgov.model.scorecard import Scorecard, score_fleet
from mgov.model.service import Service, parse_service
from mgov.model.units import format_time
from mgov.store.base import value_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.clock import Clock
    from mgov.model.auditpolicy import AuditPolicy
    from mgov.model.instance import Instance
    from mgov.store.base import Store


class Audit:
    """Audits over a store; nothing is changed and nothing probed."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def score(self, pattern: str = "*", *, rules: Sequence[str] = ()) -> Scorecard:
        """The scorecard of the services that match `pattern`, by `rules` or by all that weigh something.

        What a rule says of a service takes the whole fleet into account. NotFound where there is nothing to audit,
        UsageError for a rule that is none, StoreDamaged where policy.toml cannot be read.
        """
        chosen = check_rules(rules)
        policy = parse_policy(value_of(self._store.read("policy"))).audit
        facts = self._facts(policy)
        names = [name for name in facts.services if matches(pattern, name)]
        damaged = [name for name in facts.damaged if matches(pattern, name)]
        if not names and not damaged:
            if pattern == "*":
                raise NotFound("there is no service to audit", hint="mgov register NAME URL")
            raise NotFound(f"no service {pattern}", hint=suggest_service(self._store, pattern))
        weights = _weights(policy, chosen)
        today = format_time(self._clock.now())[:10]
        found = find_breaches(facts, weights)
        return score_fleet(frozenset(names), found, weights, policy.waivers, today=today, damaged=damaged)

    def _facts(self, policy: AuditPolicy) -> Facts:
        """What the rules look at, as the store holds it now."""
        services = {name: parse_service(name, table) for name, table in definition_tables(self._store).items()}
        damaged = self._left_out("services/")
        instances: dict[str, list[Instance]] = {}
        for document in self._store.scan("instance/"):
            _, name, instance_id = document.key.split("/")
            instances.setdefault(name, []).append(from_value(name, instance_id, document.value))
        for name in instances:
            if name not in services and name not in damaged:
                services[name] = Service(name)
        return Facts(
            dict(sorted(services.items())),
            instances,
            Graph.of_services(services.values()),
            frozenset(key.split("/")[1] for key in self._store.keys("config/")),
            self._guards(),
            damaged,
            self._left_out("instances/"),
            policy.max_domains,
        )

    def _guards(self) -> dict[str, Guard]:
        known = kept(self._store, self._clock.now())
        return {name: Guard(own.total > 0, own.forced) for name, instance, own in known if not instance}

    def _left_out(self, folder: str) -> frozenset[str]:
        """The services whose file in `folder` a scan had to leave out."""
        paths = [path for path in getattr(self._store, "damaged", ()) if path.startswith(folder)]
        return frozenset(path.removeprefix(folder).rpartition(".")[0] for path in paths)


def _weights(policy: AuditPolicy, chosen: Sequence[str]) -> dict[str, int]:
    """What each rule weighs that is asked; one that is named weighs something even where the policy switches it off."""
    if chosen:
        return {rule: policy.weights[rule] or 1 for rule in chosen}
    return {rule: weight for rule, weight in policy.weights.items() if weight}
