"""Configs: the values of each service in each environment, in versions that can be compared and brought back."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from mgov.errors import NotFound, UsageError
from mgov.governance.current import at_version, current, find, newest_base
from mgov.governance.looking import Looking
from mgov.governance.publishing import Published, Terms, publish
from mgov.model.config import BASE, DEFAULT, NO_VERSION, leaves, lookup, version_key
from mgov.model.key import format_key, parse_key
from mgov.model.setting import is_same, key_hint, with_settings, without_settings
from mgov.store.base import Write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mgov.governance.following import Change, Follower
    from mgov.governance.schemas import Schemas
    from mgov.governance.watching import Watching
    from mgov.model.config import Path, Values
    from mgov.model.quiesce import Quiesce


class Configs(Looking):
    """Configurations over a store: looking (see `Looking`), following and changing.

    A version number below zero counts back from the newest: -1 is the one before.
    """

    @cached_property
    def _watches(self) -> set[Watching]:
        return set()

    @property
    def schemas(self) -> Schemas:
        """What configurations are held to."""
        from mgov.governance.schemas import Schemas

        return Schemas(self._store)

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
        watching = Watching(follower, callback, self._warn)
        self._watches.add(watching)

        def stop() -> None:
            self._watches.discard(watching)
            watching.stop()

        return stop

    def close(self) -> None:
        """End every watch that was not stopped."""
        for watching in list(self._watches):
            watching.stop()

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

        def change(own: Values) -> Values:
            try:
                return without_settings(own, paths)
            except NotFound as error:
                raise NotFound(f"{service} has {error.message} of its own in {environment}",
                               hint=error.hint or f"mgov config get {service} -e {environment} --explain") from None

        return self.publish(service, environment, change, terms)

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

        Those in `keep` read as the target did before. `expect_version` is the target's.
        """
        if source == target:
            raise UsageError(f"{source} is both where it comes from and where it goes")
        found = self.read(service, environment=source, version=version, use_snapshot=False)
        kept, wanted = [parse_key(key) for key in keep], [parse_key(key) for key in only]
        is_whole = not only and BASE not in (source, target)
        terms = Terms("promote", message or f"from {source} {found.version.number}", expect_version,
                      base=found.version.base if is_whole else None, must_rebase=is_whole, is_plain=plain,
                      dry_run=dry_run)

        def change(own: Values) -> Values:
            head = find(self._store, service, target)
            read = head.values if head is not None else {}
            for path in (*kept, *wanted):
                _check_known(path, found.values, read, service)
            base = found.below if is_whole else newest_base(self._store, service) if target != BASE else None
            below = base.values if base is not None else {}
            taken = _reading_as(own, found.version.values, found.values, below, wanted or [()])
            return _reading_as(taken, own, read, below, kept)

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


def _check_known(path: Path, values: Values, others: Values, service: str) -> None:
    """Raise NotFound where neither side has the key: it is a slip, and would do nothing in silence."""
    if _is_known(values, path) or _is_known(others, path):
        return
    raise NotFound(f"{service} has no key {format_key(path)} on either side", hint=key_hint(values, path))


def _reading_as(values: Values, own: Values, read: Values, below: Values, paths: Sequence[Path]) -> Values:
    """`values`, in which each of `paths` reads over `below` as in `read`, () for all of it.

    What is set there is set as in `own`, and beside it only what `read` took from a base that `below` is not like.
    """
    for path in paths:
        if _is_known(values, path):
            values = without_settings(values, [path]) if path else {}
        taken = {leaf: value for leaf, value in leaves(read) if leaf[: len(path)] == path}
        values = with_settings(values, {
            leaf: value for leaf, value in taken.items() if _is_known(own, leaf) or not _is_read(below, leaf, value)
        })
    return values


def _is_read(values: Values, path: Path, value: Any) -> bool:
    return _is_known(values, path) and is_same(lookup(values, path), value)


def _is_known(values: Values, path: Path) -> bool:
    try:
        lookup(values, path)
    except KeyError:
        return False
    return True
