"""Following a configuration: each real change once, in order, none missed across a restart.

A change is real when a service reads something else than before: under the key that is followed, if one is. Versions
are numbered without gaps, so who names the last one it has seen (`after`) gets all that came since. Where the newest
version goes away or another takes its number (a change of branch, a repair), what is the newest then is the change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import Compacted, NotFound, StoreDamaged, StoreError
from mgov.model.config import NO_VERSION
from mgov.model.key import parse_key
from mgov.model.record import NamedTuple
from mgov.model.setting import differences

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgov.clock import Clock
    from mgov.governance.looking import Looking
    from mgov.model.config import Configuration, Path, Values
    from mgov.model.quiesce import Quiesce
    from mgov.model.setting import Difference

POLL_S = 0.2                                    # a change is seen within 300 ms


class Change(NamedTuple):
    """A real change: the configuration after it, and what is read differently, of the key that is followed."""

    configuration: Configuration
    differences: list[Difference]


class Follower:
    """Gives the changes of one configuration as they are polled for. Times are seconds of the monotonic clock."""

    def __init__(
        self,
        configs: Looking,
        clock: Clock,
        service: str,
        *,
        environment: str,
        key: str = "",
        after: int | None = None,
        quiesce: Quiesce | None = None,
        warn: Callable[[str], None],
    ) -> None:
        """Begin behind version `after` [the newest there is]. `warn` is told, once each, what cannot be read.

        Raise NotFound for a service or a version that is not there, Compacted where versions behind `after` are gone.
        """
        self._configs, self._clock, self._warn = configs, clock, warn
        self._service, self._environment = service, environment
        self._path: Path = parse_key(key) if key else ()
        self._quiesce = quiesce
        self._told: set[str] = set()
        self._values: Values = {}               # as the last change that was given left them
        self._number = NO_VERSION
        self._mark: tuple[int, str, int] | None = None
        self._waiting: Configuration | None = None
        self._first_at = self._last_at = 0.0
        self._begin(after)

    def poll(self) -> list[Change]:
        """The changes since the last poll, oldest first; when told to quiesce, one for a whole burst when it is due."""
        try:
            found = self._configurations()
        except StoreError as error:
            self._tell(error.message)
            return self._due()
        if self._quiesce is None:
            return [change for configuration in found if (change := self._change(configuration)) is not None]
        if found:
            now = self._clock.monotonic()
            self._first_at = now if self._waiting is None else self._first_at
            self._waiting, self._last_at = found[-1], now
        return self._due()

    def _begin(self, after: int | None) -> None:
        numbers = self._configs.versions(self._service, environment=self._environment)
        if after is None:
            after = numbers[-1] if numbers else NO_VERSION
        elif (after and not numbers) or (numbers and after > numbers[-1]):
            raise NotFound(f"{self._service} has no version {after} in {self._environment}", hint=self._history_hint)
        if after and after < numbers[0] - 1:
            raise Compacted(
                f"the versions of {self._service} in {self._environment} behind {after} are gone: the oldest that is "
                f"kept is {numbers[0]}",
                hint=f"--after {numbers[0] - 1} begins with that one",
            )
        self._number = after
        if after and after >= numbers[0]:
            begun = self._read(after)
            self._values, self._mark = begun.values, _mark(begun)

    @property
    def _history_hint(self) -> str:
        return f"mgov config history {self._service} -e {self._environment}"

    def _configurations(self) -> list[Configuration]:
        """The versions since the last that was looked at; one that is damaged or gone is passed over."""
        newest = self._newest()
        if newest is None or _mark(newest) == self._mark:
            return []
        if newest.version.number <= self._number:
            self._number, self._mark = newest.version.number, _mark(newest)
            return [newest]
        return self._since()

    def _since(self) -> list[Configuration]:
        found: list[Configuration] = []
        for number in self._configs.versions(self._service, environment=self._environment):
            if number <= self._number:
                continue
            try:
                one = self._read(number)
            except (StoreDamaged, NotFound) as error:
                self._tell(error.message)
                continue
            except StoreError as error:
                self._tell(error.message)
                break                           # it can be read another time, and its turn is before the next one's
            found.append(one)
            self._number, self._mark = number, _mark(one)
        return found

    def _newest(self) -> Configuration | None:
        try:
            return self._configs.read(self._service, environment=self._environment, use_snapshot=False)
        except NotFound:
            return None

    def _read(self, number: int) -> Configuration:
        return self._configs.read(self._service, environment=self._environment, version=number)

    def _change(self, configuration: Configuration) -> Change | None:
        before, self._values = self._values, configuration.values
        size = len(self._path)
        found = [d for d in differences(before, configuration.values) if self._concerns(d.path, size)]
        return Change(configuration, found) if found else None

    def _concerns(self, path: Path, size: int) -> bool:
        # A value that becomes a table, or the other way round, differs above the key that is followed.
        return path[:size] == self._path or self._path[: len(path)] == path

    def _due(self) -> list[Change]:
        if self._waiting is None or self._quiesce is None:
            return []
        if self._clock.monotonic() < self._quiesce.due_at(self._first_at, self._last_at):
            return []
        waiting, self._waiting = self._waiting, None
        change = self._change(waiting)
        return [change] if change is not None else []

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._warn(text)


def _mark(configuration: Configuration) -> tuple[int, str, int]:
    """What tells two versions apart, of one number too."""
    version = configuration.version
    return version.number, version.checksum, version.base
