"""A platform over a real store in a temporary folder, on a clock that a test moves."""

import pytest
from fakes import FakeClock
from loopback import Loopback

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
