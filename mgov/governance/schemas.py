"""Schemas: what the configuration of a service is held to, kept in its definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import NotFound
from mgov.governance.current import newest_base
from mgov.governance.publishing import schema_of
from mgov.model.config import merge
from mgov.model.names import check_name
from mgov.model.service import service_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.governance.outcomes import Outcome
    from mgov.model.config import Values
    from mgov.model.schema import Violation
    from mgov.store.base import Store


class Schemas:
    """The JSON Schemas of a store's configurations."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, service: str) -> Mapping[str, Any]:
        """The JSON Schema that the service's configuration is held to, {} where there is none; NotFound."""
        from mgov.governance.fleet import suggest_service

        if self._store.read(service_key(check_name(service))) is None:
            raise NotFound(f"no service {service}", hint=suggest_service(self._store, service))
        return schema_of(self._store, service)

    def set(self, service: str, schema: Mapping[str, Any]) -> Outcome:
        """Hold what is published from now on to `schema`, to none with {}; UsageError where it is no schema."""
        from mgov.governance.definition import change_definition

        if schema:
            from mgov.model.schema import check_schema

            schema = check_schema(schema)
        return change_definition(
            self._store, service, lambda known: known._replace(config_schema=dict(schema)), operation="config schema"
        )

    def over_base(self, service: str, values: Values) -> Values:
        """`values` as the service would read them, over the newest base."""
        below = newest_base(self._store, service)
        return merge(below.values, values) if below is not None else values

    def violations(self, service: str, values: Mapping[str, Any]) -> list[Violation]:
        """What in `values` the service's schema refuses, by key; NotFound where it has no schema."""
        schema = self.of(service)
        if not schema:
            raise NotFound(f"{service} has no schema for its configuration",
                           hint=f"mgov config schema set {service} FILE")
        from mgov.model.schema import violations

        return violations(schema, values)
