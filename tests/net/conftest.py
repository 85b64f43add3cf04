"""What the net's tests share: a hostile server, and the engine in both of its drivers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest
from hostile import HostileServer
from virtual import VirtualTime

from mgov.model.measurement import Measurement
from mgov.net import loop as net_loop
from mgov.net.sweep import sweep, sweep_now

Sweep = Callable[..., list[Measurement]]


@pytest.fixture(scope="module")
def hostile() -> Iterator[HostileServer]:
    server = HostileServer()
    yield server
    server.close()


@pytest.fixture
def silent() -> Iterator[str]:
    """A URL behind which the kernel accepts connections and nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


@pytest.fixture
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    """Time that passes at once, for `sweep_now` over silent peers."""
    return VirtualTime(monkeypatch)


@pytest.fixture(params=["uvloop", "asyncio", "alone"])
def sweep_on(request: pytest.FixtureRequest) -> Sweep:
    """`sweep` as a plain function, on uvloop, on asyncio's loop and without any."""
    if request.param == "alone":
        return sweep_now
    if request.param == "asyncio":
        return lambda targets, **options: asyncio.run(sweep(targets, **options))
    pytest.importorskip("uvloop", reason="uvloop is not installed")
    return lambda targets, **options: net_loop.run(sweep(targets, **options))
