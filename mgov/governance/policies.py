"""What services say of the checks of their instances, as the store holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from mgov.model.health import Check
    from mgov.model.healthpolicy import HealthPolicy
    from mgov.net.target import Trust
    from mgov.store.base import Store

FEW = 8                                         # definitions that are read one by one rather than all at once


def policies_of(store: Store, services: Collection[str]) -> dict[str, HealthPolicy]:
    """The health policies of `services`, of those that have one, by name."""
    if len(services) > FEW:
        documents = [d for d in store.scan("service/") if d.key.partition("/")[2] in services]
    else:
        documents = [d for name in sorted(services) if (d := store.read(f"service/{name}")) is not None]
    tables = {d.key.partition("/")[2]: d.value["health"] for d in documents if "health" in d.value}
    if not tables:
        return {}
    from mgov.model.healthpolicy import parse_health_policy

    return {name: parse_health_policy(table) for name, table in tables.items()}


def in_force(check: Check, policy: HealthPolicy | None, trust: Trust | None) -> tuple[Check, Trust | None]:
    """`check` and the TLS options as the policy of its service has them; `trust` stands before the policy's."""
    if policy is None:
        return check, trust
    from mgov.model.healthpolicy import under_policy

    return under_policy(check, policy), trust if trust is not None else trust_under(policy)


def trust_under(policy: HealthPolicy | None) -> Trust | None:
    """The TLS options of a policy, None where it has none."""
    if policy is None or not policy.has_tls:
        return None
    from mgov.net.target import Trust

    return Trust(policy.insecure, policy.ca_file, policy.cert_file, policy.key_file)
