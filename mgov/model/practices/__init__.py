"""The rules of an audit by name, in the order in which they are told: each is a pure function from facts to breaches.

A new rule is a line here, a weight in `mgov.model.auditpolicy`, and a function in the file of its topic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.auditpolicy import (
    API,
    BREAKER,
    CONFIGURATION,
    CYCLE,
    DANGLING,
    DATASTORE,
    DOMAINS,
    HEALTH_CHECK,
    OWNERSHIP,
    REDUNDANCY,
)
from mgov.model.practices.definitions import api, configuration, datastore, ownership
from mgov.model.practices.dependencies import breaker, cycle, dangling, domains
from mgov.model.practices.instances import health_check, redundancy
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mgov.model.practice import Breach, Facts


class Practice(NamedTuple):
    """A rule: what it asks for, in a sentence, and what finds those who break it."""

    asks: str
    find: Callable[[Facts], Iterator[Breach]]


PRACTICES: dict[str, Practice] = {
    HEALTH_CHECK: Practice("Every instance has a check that asks the service", health_check),
    CYCLE: Practice("No services call each other in a circle", cycle),
    DANGLING: Practice("Every dependency is registered", dangling),
    REDUNDANCY: Practice("Every service has at least two instances", redundancy),
    API: Practice("What speaks HTTP declares its API", api),
    BREAKER: Practice("A breaker stands before what others wait for", breaker),
    DATASTORE: Practice("No two services share a datastore", datastore),
    DOMAINS: Practice("No chain of calls passes too many domains", domains),
    OWNERSHIP: Practice("Every service has an owner and a domain", ownership),
    CONFIGURATION: Practice("Every service is configured outside its code", configuration),
}


def find_breaches(facts: Facts, rules: Iterable[str]) -> list[Breach]:
    """All that breaks `rules`, rule by rule."""
    return [breach for rule in rules for breach in PRACTICES[rule].find(facts)]
