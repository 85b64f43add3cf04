"""Publishing: the one way in which a new version of a configuration comes to be.

What is wanted is worked out of the newest version, and written under the next number on the condition that nobody
made that number meanwhile; who lost the race begins again from what the other made. No change makes no version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import Conflict, UsageError
from mgov.governance.current import base_version, find, newest_base
from mgov.model.config import BASE, MAX_NUMBER, NO_VERSION, Version, folder_key, merge, to_value, version_key
from mgov.model.record import NamedTuple
from mgov.model.service import service_key
from mgov.model.setting import Difference, check_values, checksum, differences, is_same, refuse_secrets
from mgov.model.units import format_time
from mgov.store.base import ABSENT, Write, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mgov.clock import Clock
    from mgov.model.config import Configuration, Values
    from mgov.store.base import Store

ATTEMPTS = 500                                  # each lost race is somebody else's success
FIRST_WAIT_S, LONGEST_WAIT_S = 0.01, 0.5        # who lost waits a random time, else all work out what one can write


class Terms(NamedTuple):
    """How to publish. `expect_version` is the number that must be the newest, 0 for none at all; `base` is the base
    version to lie over [the newest]; `must_rebase` makes a version where nothing but the base has changed;
    `is_plain` lets plain secrets in.
    """

    operation: str
    message: str = ""
    expect_version: int | None = None
    base: int | None = None
    must_rebase: bool = False
    is_plain: bool = False
    dry_run: bool = False


class Published(NamedTuple):
    """What became of it: the newest version before and now (0: none; in a dry run the one that would be), and what a
    service reads differently. `newer_base` is the base that the unchanged version has not seen, or 0.
    """

    service: str
    environment: str
    before: int
    after: int
    differences: tuple[Difference, ...] = ()
    newer_base: int = NO_VERSION

    @property
    def is_unchanged(self) -> bool:
        """Whether no version was made."""
        return self.before == self.after


def publish(
    store: Store,
    clock: Clock,
    draw: Callable[[], float],
    service: str,
    environment: str,
    change: Callable[[Values], Values],
    terms: Terms,
) -> Published:
    """Make the version whose own values are `change` of the newest one's ({} where there is none).

    `draw` gives random numbers from 0 to 1. Raise Conflict where the newest is not as expected, UsageError for values
    that cannot be kept.
    """
    folder_key(service, environment)
    for attempt in range(ATTEMPTS):
        head = find(store, service, environment)
        _check_expected(service, environment, head, terms)
        own = head.version.values if head is not None else {}
        wanted = check_values(change(own))
        refuse_secrets(own, wanted, is_plain=terms.is_plain)
        below = _below(store, service, environment, terms)
        result = _compared(service, environment, head, wanted, below, terms)
        if result.is_unchanged:
            return result
        _check_against_schema(store, service, environment, merge(below.values, wanted) if below is not None else wanted)
        if terms.dry_run:
            return result
        version = Version(
            result.after, store.actor, format_time(clock.now()), terms.message, terms.operation, checksum(wanted),
            below.number if below is not None else NO_VERSION, wanted,
        )
        key = version_key(service, environment, version.number)
        try:
            store.write(Write(key, to_value(version), ABSENT), operation=f"config {terms.operation}",
                        message=terms.message)
        except Conflict:
            clock.sleep(draw() * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(attempt, 8)))
            continue
        return result
    raise Conflict(f"{service} {environment} changed {ATTEMPTS} times while it was being changed", hint="try again")


def _check_expected(service: str, environment: str, head: Configuration | None, terms: Terms) -> None:
    number = head.version.number if head is not None else NO_VERSION
    if terms.expect_version is None or terms.expect_version == number:
        return
    if terms.expect_version == NO_VERSION:
        raise Conflict(f"{service} has a configuration in {environment} already, version {number}",
                       hint="leave out --create-only")
    if not number:
        raise Conflict(f"{service} has no version in {environment} yet, not {terms.expect_version}",
                       hint="leave out --expect-rev")
    what = f"{service} is at version {number} in {environment}, not {terms.expect_version}"
    if number < terms.expect_version:
        raise Conflict(what, hint=f"mgov config history {service} -e {environment}")
    raise Conflict(f"{what}: somebody changed it",
                   hint=f"mgov config diff {service} -e {environment} {terms.expect_version}")


def _below(store: Store, service: str, environment: str, terms: Terms) -> Version | None:
    if environment == BASE:
        return None
    if terms.base is None:
        return newest_base(store, service)
    return base_version(store, service, terms.base) if terms.base else None


def _check_against_schema(store: Store, service: str, environment: str, values: Values) -> None:
    """Raise UsageError where a service would read what its schema refuses; nobody reads the base alone."""
    schema = schema_of(store, service)
    if schema and environment != BASE:
        from mgov.model.schema import refuse_violations

        refuse_violations(schema, values, service)


def schema_of(store: Store, service: str) -> Mapping[str, Any]:
    """The schema of a service's configuration, in its definition; {} where there is none."""
    found: Mapping[str, Any] = value_of(store.read(service_key(service))).get("config_schema", {})
    return found


def _compared(
    service: str, environment: str, head: Configuration | None, wanted: Values, below: Version | None, terms: Terms
) -> Published:
    number = head.version.number if head is not None else NO_VERSION
    base = below.number if below is not None else NO_VERSION
    if head is not None and is_same(head.version.values, wanted):
        has_moved = base != head.version.base
        if not (has_moved and terms.must_rebase):
            return Published(service, environment, number, number, newer_base=base if has_moved else NO_VERSION)
    if number >= MAX_NUMBER:
        raise UsageError(f"{service} has {number} versions in {environment}, and numbers have six digits")
    before = head.values if head is not None else {}
    after = merge(below.values, wanted) if below is not None else wanted
    return Published(service, environment, number, number + 1, tuple(differences(before, after)))
