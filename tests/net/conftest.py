"""What the net's tests share: a hostile server, and the engine in both of its drivers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hostile import HostileServer

from mgov.model.measurement import Measurement
from mgov.net import loop as net_loop
from mgov.net.sweep import sweep, sweep_now

Sweep = Callable[..., list[Measurement]]


@pytest.fixture(scope="module")
def hostile() -> Iterator[HostileServer]:
    server = HostileServer()
    yield server
    server.close()


@pytest.fixture(params=["uvloop", "asyncio", "alone"])
def sweep_on(request: pytest.FixtureRequest) -> Sweep:
    """`sweep` as a plain function, on uvloop, on asyncio's loop and without any."""
    if request.param == "alone":
        return sweep_now
    if request.param == "asyncio":
        return lambda targets, **options: asyncio.run(sweep(targets, **options))
    pytest.importorskip("uvloop", reason="uvloop is not installed")
    return lambda targets, **options: net_loop.run(sweep(targets, **options))
