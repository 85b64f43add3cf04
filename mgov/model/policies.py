"""The policies of a service as tables of its definition; a new one is a line in each function here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def parse_policies(table: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Service that the policy tables in `table` say; raise UsageError naming the key at fault."""
    fields: dict[str, Any] = {}
    if "health" in table:
        from mgov.model.healthpolicy import NO_POLICY, parse_health_policy

        health = parse_health_policy(table["health"])
        fields["health"] = None if health == NO_POLICY else health
    if "limit" in table:
        from mgov.model.limit import parse_policy

        fields["limit"] = parse_policy(table["limit"])
    if "breaker" in table:
        from mgov.model.breaker_policy import DEFAULT_POLICY, parse_breaker_policy

        breaker = parse_breaker_policy(table["breaker"])
        fields["breaker"] = None if breaker == DEFAULT_POLICY else breaker
    return fields


def policy_tables(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The tables that `parse_policies` reads back to `fields`."""
    tables: dict[str, Any] = {}
    if "health" in fields:
        from mgov.model.healthpolicy import health_policy_table

        tables["health"] = health_policy_table(fields["health"])
    if "limit" in fields:
        from mgov.model.limit import to_table

        tables["limit"] = to_table(fields["limit"])
    if "breaker" in fields:
        from mgov.model.breaker_policy import policy_table

        tables["breaker"] = policy_table(fields["breaker"])
    return tables
