"""Configs: the values of each service in each environment, in versions that can be compared and brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import NotFound, StoreDamaged, StoreError, UsageError
from mgov.governance.current import at_version, current, newest_base, value_at
from mgov.governance.publishing import Published, Terms, publish, schema_of
from mgov.model.config import BASE, DEFAULT, NO_VERSION, Version, folder_key, lookup, merge, number_of, version_key
from mgov.model.key import format_key, parse_key
from mgov.model.names import check_name
from mgov.model.service import service_key
from mgov.model.setting import Difference, differences, key_hint, with_settings, without_settings
from mgov.store.base import Write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mgov.clock import Clock
    from mgov.governance.following import Change, Follower
    from mgov.governance.outcomes import Outcome
    from mgov.governance.trusts import Trusts
    from mgov.model.config import Configuration, Path, Values
    from mgov.model.quiesce import Quiesce
    from mgov.model.schema import Violation
    from mgov.store.base import Store
    from mgov.store.snapshot import Snapshots

HISTORY_LIMIT = 20
DAMAGED = "damaged"


def _unheard(_text: str) -> None:
    """What nobody listens to."""


class Configs:
    """Configurations over a store. A version number below zero counts back from the newest: -1 is the one before.

    `trusts` says whether references may be resolved, `environ` is what they may be resolved from; what was read last
    is kept in `snapshots` for when the store cannot be read. `warn` is told what a watch could not do.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        draw: Callable[[], float],
        trusts: Callable[[], Trusts],
        environ: Mapping[str, str],
        snapshots: Snapshots | None = None,
        warn: Callable[[str], None] = _unheard,
    ) -> None:
        self._store, self._clock, self._draw = store, clock, draw
        self._trusts, self._environ, self._snapshots, self._warn = trusts, environ, snapshots, warn

    # -- looking

    def get(self, service: str, key: str = "", *, environment: str = DEFAULT, version: int = NO_VERSION) -> Any:
        """The value of `key`, a table for the beginning of longer keys, all values without one; references as they are.

        Raise NotFound for an unknown service, environment, version or key.
        """
        return value_at(self.read(service, environment=environment, version=version), key)

    def read(
        self,
        service: str,
        *,
        environment: str = DEFAULT,
        version: int = NO_VERSION,
        use_snapshot: bool = True,
    ) -> Configuration:
        """A version [the newest] over the base that it saw.

        Where the store cannot be read at all, the newest that was read before, with `saved_at`; damage is raised.
        """
        if version:
            return at_version(self._store, service, environment, self._number(service, environment, version))
        try:
            found = current(self._store, service, environment)
        except StoreDamaged:
            raise
        except StoreError:
            known = self._snapshots.load(service, environment) if self._snapshots and use_snapshot else None
            if known is None:
                raise
            return known
        self.remember(found)
        return found

    def remember(self, configuration: Configuration) -> None:
        """Keep what was read for when the store cannot be read."""
        if self._snapshots is not None:
            self._snapshots.keep(configuration, self._clock.now())

    def environments(self, service: str) -> list[str]:
        """The environments in which the service has a configuration, `base` among them."""
        keys = self._store.keys(f"config/{check_name(service)}/")
        return list(dict.fromkeys(key.split("/")[2] for key in keys))

    def newest(self, service: str) -> dict[str, int]:
        """The number of the newest version in each environment; empty for a service without a configuration."""
        keys = self._store.keys(f"config/{check_name(service)}/")
        return {key.split("/")[2]: number_of(key) for key in keys}

    def versions(self, service: str, *, environment: str = DEFAULT) -> list[int]:
        """The numbers of the versions that are kept, oldest first."""
        return [number_of(key) for key in self._store.keys(folder_key(service, environment))]

    def history(
        self, service: str, *, environment: str = DEFAULT, limit: int | None = HISTORY_LIMIT
    ) -> list[Version]:
        """The versions, newest first, at most `limit`; one that cannot be believed has the operation `damaged`, and
        its message says why. NotFound where there is none.
        """
        numbers = self.versions(service, environment=environment)
        if not numbers:
            current(self._store, service, environment)
        return [self._version(service, environment, number) for number in numbers[::-1][:limit]]

    def diff(self, before: Configuration, after: Configuration) -> list[Difference]:
        """What a service reads differently."""
        return differences(before.values, after.values)

    def resolve(self, configuration: Configuration, key: str = "") -> Any:
        """The values, or the one of `key`, with every reference in them resolved; raise Untrusted before any is.

        NotFound names the key whose variable or file is not there, RemoteError the one whose command failed.
        """
        from mgov.governance.resolving import resolve

        path = parse_key(key) if key else ()
        return resolve(value_at(configuration, key), configuration, path, self._trusts(), self._environ)

    # -- validating

    def schema(self, service: str) -> Mapping[str, Any]:
        """The JSON Schema that the service's configuration is held to, {} where there is none; NotFound."""
        from mgov.governance.fleet import suggest_service

        if self._store.read(service_key(check_name(service))) is None:
            raise NotFound(f"no service {service}", hint=suggest_service(self._store, service))
        return schema_of(self._store, service)

    def set_schema(self, service: str, schema: Mapping[str, Any]) -> Outcome:
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
        schema = self.schema(service)
        if not schema:
            raise NotFound(f"{service} has no schema for its configuration",
                           hint=f"mgov config schema set {service} FILE")
        from mgov.model.schema import violations

        return violations(schema, values)

    # -- following

    def follow(
        self,
        service: str,
        key: str = "",
        *,
        environment: str = DEFAULT,
        after: int | None = None,
        quiesce: Quiesce | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> Follower:
        """What gives, at each poll, the real changes behind version `after` [the newest]; of one key, if it is named.

        Raise NotFound for a version that is not there, Compacted where the versions behind it are gone.
        """
        from mgov.governance.following import Follower

        return Follower(
            self, self._clock, service, environment=environment, key=key, after=after, quiesce=quiesce,
            warn=warn or self._warn,
        )

    def watch(
        self,
        service: str,
        callback: Callable[[Change], object],
        key: str = "",
        *,
        environment: str = DEFAULT,
        after: int | None = None,
        quiesce: Quiesce | None = None,
    ) -> Callable[[], None]:
        """Call `callback` in a thread with each real change behind version `after` [the newest]; return what stops it.

        What a callback raises is a warning, and stops neither this watch nor any other.
        """
        from mgov.governance.watching import Watching

        follower = self.follow(service, key, environment=environment, after=after, quiesce=quiesce)
        return Watching(follower, callback, self._warn).stop

    # -- changing

    def set(
        self,
        service: str,
        settings: Mapping[str, Any],
        *,
        environment: str = DEFAULT,
        message: str = "",
        expect_version: int | None = None,
        create_only: bool = False,
        rebase: bool = False,
        plain: bool = False,
        dry_run: bool = False,
    ) -> Published:
        """Set each key, all in one version. UsageError for a plain secret, unless `plain`."""
        wanted = {parse_key(key): value for key, value in settings.items()}
        expected = NO_VERSION if create_only else expect_version
        terms = Terms("set", message, expected, must_rebase=rebase, is_plain=plain, dry_run=dry_run)
        return self.publish(service, environment, lambda own: with_settings(own, wanted), terms)

    def unset(
        self,
        service: str,
        keys: Sequence[str],
        *,
        environment: str = DEFAULT,
        message: str = "",
        expect_version: int | None = None,
        dry_run: bool = False,
    ) -> Published:
        """Take keys, or whole tables, away; NotFound for one that the environment itself does not set."""
        paths = [parse_key(key) for key in keys]
        terms = Terms("unset", message, expect_version, dry_run=dry_run)
        return self.publish(service, environment, lambda own: without_settings(own, paths), terms)

    def replace(
        self,
        service: str,
        values: Values,
        *,
        environment: str = DEFAULT,
        operation: str = "import",
        message: str = "",
        expect_version: int | None = None,
        plain: bool = False,
        dry_run: bool = False,
    ) -> Published:
        """Make `values` the environment's own, whatever was there."""
        terms = Terms(operation, message, expect_version, is_plain=plain, dry_run=dry_run)
        return self.publish(service, environment, lambda _: values, terms)

    def rollback(
        self,
        service: str,
        to: int = -1,
        *,
        environment: str = DEFAULT,
        message: str = "",
        expect_version: int | None = None,
        dry_run: bool = False,
    ) -> Published:
        """Append a version that reads as version `to` did, over the base that it saw; the base itself stays."""
        if to == NO_VERSION:
            raise UsageError("0 is no version", hint="--to -1 is the last but one")
        number = self._number(service, environment, to)
        target = at_version(self._store, service, environment, number).version
        terms = Terms("rollback", message or f"to version {number}", expect_version, base=target.base,
                      must_rebase=True, is_plain=True, dry_run=dry_run)
        return self.publish(service, environment, lambda _: target.values, terms)

    def promote(
        self,
        service: str,
        *,
        source: str,
        target: str,
        version: int = NO_VERSION,
        only: Sequence[str] = (),
        keep: Sequence[str] = (),
        message: str = "",
        expect_version: int | None = None,
        plain: bool = False,
        dry_run: bool = False,
    ) -> Published:
        """Make `target` read as `source` does, over the base that it saw; with `only`, just those keys and tables.

        Those in `keep` stay as the target has them. `expect_version` is the target's.
        """
        if source == target:
            raise UsageError(f"{source} is both where it comes from and where it goes")
        found = self.read(service, environment=source, version=version, use_snapshot=False).version
        kept, wanted = [parse_key(key) for key in keep], [parse_key(key) for key in only]
        is_whole = not only and BASE not in (source, target)
        terms = Terms("promote", message or f"from {source} {found.number}", expect_version,
                      base=found.base if is_whole else None, must_rebase=is_whole, is_plain=plain, dry_run=dry_run)

        def change(own: Values) -> Values:
            for path in (*kept, *wanted):
                _check_known(path, found.values, own, service)
            taken = _with_parts(own, found.values, wanted) if wanted else found.values
            return _with_parts(taken, own, kept)

        return self.publish(service, target, change, terms)

    def publish(
        self, service: str, environment: str, change: Callable[[Values], Values], terms: Terms
    ) -> Published:
        """Make a version out of the newest one's own values; every other change comes through here."""
        return publish(self._store, self._clock, self._draw, service, environment, change, terms)

    def gc(self, service: str, *, environment: str = DEFAULT, keep: int, dry_run: bool = False) -> list[int]:
        """Remove all but the newest `keep` versions and those that others lie over; return their numbers."""
        if keep < 1:
            raise UsageError("at least the newest version is kept", hint="--keep 1")
        numbers = self.versions(service, environment=environment)
        if not numbers:
            current(self._store, service, environment)
        seen = self._seen_bases(service) if environment == BASE else frozenset()
        doomed = [number for number in numbers[:-keep] if number not in seen]
        if not dry_run:
            writes = [Write(version_key(service, environment, number), None) for number in doomed]
            self._store.write_many(writes, operation="config gc")
        return doomed

    def _seen_bases(self, service: str) -> frozenset[int]:
        return frozenset(
            self._version(service, name, number).base
            for name in self.environments(service)
            if name != BASE
            for number in self.versions(service, environment=name)
        )

    def _version(self, service: str, environment: str, number: int) -> Version:
        from mgov.model.config import from_value

        key = version_key(service, environment, number)
        try:
            document = self._store.read(key)
            if document is not None:
                return from_value(document.value, key)
            problem = "it is gone"
        except StoreError as error:
            problem = error.message
        return Version(number, "", "", problem, DAMAGED, "", NO_VERSION, {})

    def _number(self, service: str, environment: str, version: int) -> int:
        if version > 0:
            return version
        numbers = self.versions(service, environment=environment)
        if not numbers:
            current(self._store, service, environment)
        if len(numbers) + version < 1:
            raise NotFound(
                f"{service} has no version {-version} before the newest in {environment}",
                hint=f"mgov config history {service} -e {environment}",
            )
        return numbers[version - 1]


def _check_known(path: Path, values: Values, others: Values, service: str) -> None:
    """Raise NotFound where neither side has the key: it is a slip, and would do nothing in silence."""
    for known in (values, others):
        try:
            lookup(known, path)
        except KeyError:
            continue
        return
    raise NotFound(f"{service} has no key {format_key(path)} on either side", hint=key_hint(values, path))


def _with_parts(values: Values, taken: Values, paths: Sequence[Path]) -> Values:
    """`values`, in which each of `paths` is as in `taken`: the same value, or just as absent."""
    for path in paths:
        try:
            values = without_settings(values, [path])
        except NotFound:
            pass
        try:
            values = with_settings(values, {path: lookup(taken, path)})
        except KeyError:
            continue
    return values
