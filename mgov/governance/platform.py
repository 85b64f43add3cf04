"""Platform: the components put together over one store.

    with Platform.open(".mgov") as platform:
        platform.registry.register("orders", "http://127.0.0.1:8080")

    async with Platform.open(".mgov") as platform:
        await platform.monitor.sweep()

Opened with `async with`, the same verbs are coroutines: what waits for the network runs in the event loop, what waits
for the disk in a thread.
"""

import os

from mgov.clock import SystemClock
from mgov.errors import NotAStore, StoreError
from mgov.governance.actor import actor_of
from mgov.store.files import LOCK_WAIT_S, FilesStore
from mgov.store.root import INIT_HINT, locate, open_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from mgov.clock import Clock
    from mgov.governance.audit import Audit
    from mgov.governance.breakers import Breakers
    from mgov.governance.calls import Calls
    from mgov.governance.changes import Changes
    from mgov.governance.concurrent import AsyncPlatform
    from mgov.governance.configs import Configs
    from mgov.governance.discovery import Discovery
    from mgov.governance.graphs import Graphs
    from mgov.governance.limits import Limits
    from mgov.governance.manifests import Manifests
    from mgov.governance.monitor import Monitor
    from mgov.governance.observed import Past
    from mgov.governance.overview import Status
    from mgov.governance.registry import Registry
    from mgov.governance.reports import Reports
    from mgov.governance.trusts import Trusts
    from mgov.governance.why import Why
    from mgov.model.healthpolicy import HealthPolicy
    from mgov.model.instance import Instance
    from mgov.net.target import Trust
    from mgov.store.repair import Action, Finding


class Platform:
    """A store's components. Each is made when it is first asked for, so that a command pays for what it uses."""

    def __init__(self, store: FilesStore, clock: "Clock", draw: "Callable[[], float]") -> None:
        self.store = store
        self.clock = clock
        self._draw = draw
        self._registry: Registry | None = None
        self._monitor: Monitor | None = None
        self._manifests: Manifests | None = None
        self._limits: Limits | None = None
        self._breakers: Breakers | None = None
        self._calls: Calls | None = None
        self._configs: Configs | None = None
        self._twin: AsyncPlatform | None = None

    @classmethod
    def open(
        cls,
        path: "str | os.PathLike[str] | None" = None,
        *,
        actor: str = "",
        clock: "Clock | None" = None,
        warn: "Callable[[str], None] | None" = None,
        lock_wait_s: float = LOCK_WAIT_S,
        draw: "Callable[[], float] | None" = None,
    ) -> "Platform":
        """The platform over the store at `path`; without one, MGOV_STORE's or the nearest `.mgov` upwards.

        `actor` is who the history names [MGOV_ACTOR, the CI's, user@host]; `warn` is told what a person should know
        [warnings.warn]; `lock_wait_s` bounds the wait for another writer. Raise NotAStore where there is no store; it
        is never made here (see `Platform.create`).
        """
        found = locate(os.fspath(path) if path is not None else None, os.environ)
        if found is None:
            raise NotAStore("no store here or above", hint=INIT_HINT)
        if "://" in found:
            raise StoreError(f"{found} is not a folder: this mgov keeps stores in folders", hint=INIT_HINT)
        settled = clock or SystemClock()
        store = FilesStore(
            open_root(found),
            clock=settled,
            actor=actor or actor_of(os.environ),
            warn=warn or _warn,
            lock_wait_s=lock_wait_s,
        )
        return cls(store, settled, draw or _draw)

    @classmethod
    def create(cls, path: "str | os.PathLike[str]", *, is_shared: bool = False) -> "tuple[str, bool]":
        """Make a store at `path`; return its absolute path, and False where one was there already."""
        from mgov.store.create import create

        root, is_new = create(os.fspath(path), is_shared=is_shared, random_bytes=os.urandom)
        return root.path, is_new

    @property
    def registry(self) -> "Registry":
        """Who is there."""
        if self._registry is None:
            from mgov.governance.registry import Registry

            self._registry = Registry(self.store, self.clock)
        return self._registry

    @property
    def discovery(self) -> "Discovery":
        """Which instance may be used."""
        from mgov.governance.discovery import Discovery

        return Discovery(self.store, self.clock, self._look_at, self._draw)

    def _look_at(self, *names: str) -> None:
        for result in self.monitor.sweep(names):
            if result.is_local:
                self.store.warn(f"{result.name}: {result.health.reason}")

    @property
    def monitor(self) -> "Monitor":
        """Is it well."""
        if self._monitor is None:
            from mgov.governance.monitor import Monitor

            self._monitor = Monitor(self.store, self.clock, untrusted_among=self._untrusted_among)
        return self._monitor

    @property
    def configs(self) -> "Configs":
        """The values of each service in each environment."""
        if self._configs is None:
            from mgov.governance.configs import Configs
            from mgov.store.snapshot import Snapshots

            self._configs = Configs(
                self.store,
                self.clock,
                draw=self._draw,
                trusts=lambda: self.trusts,
                environ=os.environ,
                snapshots=Snapshots(self.store.location, os.environ),
                warn=self.store.warn,
            )
        return self._configs

    @property
    def trusts(self) -> "Trusts":
        """What the store asks its reader's machine to do, and what the reader agreed to."""
        from mgov.governance.trusts import Trusts

        return Trusts(self.store, self.clock, os.environ)

    def _untrusted_among(self, instances: "Sequence[Instance]", policies: "Mapping[str, HealthPolicy]") -> set[str]:
        return self.trusts.untrusted_among(instances, policies)

    @property
    def manifests(self) -> "Manifests":
        """The fleet as files."""
        if self._manifests is None:
            from mgov.governance.manifests import Manifests

            self._manifests = Manifests(self.store, self.clock)
        return self._manifests

    @property
    def limits(self) -> "Limits":
        """How often each service may be called."""
        if self._limits is None:
            from mgov.governance.limits import Limits

            self._limits = Limits(self.store, self.clock)
        return self._limits

    @property
    def breakers(self) -> "Breakers":
        """May it be called."""
        if self._breakers is None:
            from mgov.governance.breakers import Breakers

            self._breakers = Breakers(self.store, self.clock, self._draw)
        return self._breakers

    @property
    def graphs(self) -> "Graphs":
        """Who needs whom."""
        from mgov.governance.graphs import Graphs

        return Graphs(self.store, self.clock)

    @property
    def audit(self) -> "Audit":
        """Is it built well."""
        from mgov.governance.audit import Audit

        return Audit(self.store, self.clock)

    @property
    def reports(self) -> "Reports":
        """All of it on one page."""
        from mgov.governance.reports import Reports

        return Reports(self.store, self.clock)

    @property
    def changes(self) -> "Changes":
        """What was changed, and taking it back."""
        from mgov.governance.changes import Changes

        return Changes(self.store, self.clock)

    @property
    def calls(self) -> "Calls":
        """Requests to services, protected."""
        if self._calls is None:
            from mgov.governance.calls import Calls
            from mgov.governance.guards import Guards
            from mgov.store.answers import Answers

            self._calls = Calls(
                lambda name: self.discovery.members(name, probe=False),
                self.clock,
                self._draw,
                new_id=lambda: os.urandom(16).hex(),
                environ=os.environ,
                trust_of=self._trust_of,
                breakers=Guards(self.breakers, self.clock),
                limits=self.limits,
                answers=Answers(self.store.root),
            )
        return self._calls

    def _trust_of(self, service: str) -> "Trust | None":
        from mgov.governance.policies import policies_of, trust_under

        return trust_under(policies_of(self.store, [service]).get(service))

    def status(self) -> "Status":
        """Everything at one moment, as the store holds it: the fleet, breakers, limits, configurations; one screen."""
        from mgov.governance.overview import Overview

        return Overview(self.store, self.clock, self.limits).status()

    def why(self, name: str, *, must_look: bool = False) -> "Why":
        """Why a service fails, as far as the store holds it; with `must_look` it and what it needs are probed first.

        NotFound for a service that nobody registered.
        """
        from mgov.governance.why import Explaining

        if must_look:
            self._look_at(*self.registry.with_needs([name]))
        return Explaining(self.store, self.clock, self.changes).why(name)

    def past(self, service: str) -> "dict[str, Past]":
        """What is known of the past of each instance of a service, by id."""
        from mgov.governance.observed import Observed

        return Observed(self.store).past(service)

    def check(self) -> "list[Finding]":
        """What is wrong with the store's files; nothing is changed."""
        from mgov.store.repair import check

        return check(self.store)

    def repair(self, *, renumber: bool = False) -> "list[Action]":
        """Set damaged files aside and put the last good copies in their place; what was done.

        `renumber` joins versions of a configuration to which two branches gave one number.
        """
        from mgov.store.repair import repair

        return repair(self.store, renumber=renumber)

    def accept(self, names: "Sequence[str] | None" = None) -> list[str]:
        """Take hand edits that look like damage as meant, of all services without `names`; those it was true of."""
        from mgov.store.repair import accept

        return accept(self.store, names)

    def close(self) -> None:
        """End all watches, and let go of the store, once it knows what the local breakers saw, and of kept connections.

        A closed platform is not used again.
        """
        if self._configs is not None:
            self._configs.close()
        if self._breakers is not None:
            self._breakers.flush()
        if self._calls is not None:
            self._calls.close()

    def __enter__(self) -> "Platform":
        return self

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        self.close()

    async def __aenter__(self) -> "AsyncPlatform":
        from mgov.governance.concurrent import AsyncPlatform

        self._twin = AsyncPlatform(self)
        return self._twin

    async def __aexit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        if self._twin is not None:
            await self._twin.close()
        self.close()


def _warn(text: str) -> None:
    import warnings

    warnings.warn(text, stacklevel=3)


def _draw() -> float:
    from random import random

    return random()
