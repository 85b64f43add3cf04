"""Looking at configurations: values, versions, environments, the past; references resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import NotFound, StoreDamaged, StoreError
from mgov.governance.current import at_version, current, value_at
from mgov.model.config import DEFAULT, NO_VERSION, Version, folder_key, number_of, version_key
from mgov.model.key import parse_key
from mgov.model.names import check_name
from mgov.model.setting import Difference, differences

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mgov.clock import Clock
    from mgov.governance.trusts import Trusts
    from mgov.model.config import Configuration
    from mgov.store.base import Store
    from mgov.store.snapshot import Snapshots

HISTORY_LIMIT = 20
DAMAGED = "damaged"


def _unheard(_text: str) -> None:
    """What nobody listens to."""


class Looking:
    """What a service reads, and read before.

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
        if self._snapshots is not None:
            self._snapshots.keep(found, self._clock.now(), self._store.id)
        return found

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
        return resolve(value_at(configuration, key), configuration, path, self._trusts().agreement, self._environ)

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
