"""Time that passes only while nobody has anything to say: a sweep of silent peers in no time, to the millisecond."""

from __future__ import annotations

import selectors
from types import SimpleNamespace

import pytest

from mgov.net import link, probe, reactor, sweep

_PATIENCE_S = 0.02              # of the wall clock: a kernel on loopback has long said what it has to say


class VirtualTime:
    """The clock of `sweep_now`'s engine, for peers that answer at once (a kernel that accepts or refuses) or never."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        for module in (link, probe, reactor, sweep):
            patch.setattr(module, "perf_counter", lambda: self.now_s)
        patch.setattr(reactor, "selectors", SimpleNamespace(DefaultSelector=self._selector))

    def _selector(self) -> selectors.BaseSelector:
        clock = self

        class Selector(selectors.DefaultSelector):
            def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
                ready = super().select(_PATIENCE_S if timeout else 0)
                if not ready and timeout:
                    clock.now_s += timeout
                return ready

        return Selector()
