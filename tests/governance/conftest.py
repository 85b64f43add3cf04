"""A platform over a real store in a temporary folder, on a clock that a test moves; and calls over real upstreams."""

import pytest
from fakes import FakeClock
from loopback import Loopback
from upstream import Upstream

from mgov.governance.calls import Calls
from mgov.governance.platform import Platform


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store_path(tmp_path):
    path, _ = Platform.create(tmp_path / "store")
    return path


@pytest.fixture
def platform(store_path, clock):
    warnings = []
    with Platform.open(store_path, clock=clock, actor="tester", warn=warnings.append, draw=lambda: 0.5) as opened:
        yield opened
    assert warnings == []


@pytest.fixture
def server():
    with Loopback() as running:
        yield running


@pytest.fixture
def serve():
    """Start an upstream; it is closed when the test ends."""
    started = []

    def start(plan=None):
        started.append(Upstream(plan))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def refusing(closed_port):
    """A URL where connections are refused."""
    return f"http://127.0.0.1:{closed_port}"


@pytest.fixture
def make():
    """Calls over a platform's members, on a clock; their connections are closed when the test ends."""
    made = []

    def start(platform, clock, draw=lambda: 0.0, **parts):
        made.append(Calls(
            lambda name: platform.discovery.members(name, probe=False), clock, draw,
            new_id=lambda: "id1", environ={}, **parts,
        ))  # fmt: skip
        return made[-1]

    yield start
    for calls in made:
        calls.close()
