"""Commands on a fresh store, a server to look at, the clock, and the fake topic in the tree."""

import fake_topic
import pytest
from fakes import FakeClock
from loopback import Loopback

from mgov.cli import tree


@pytest.fixture
def fake_tree(monkeypatch):
    """The commands of fake_topic stand beside the real ones."""
    names = {entry[0] for entry in fake_topic.TREE}
    real = tuple(entry for entry in tree.COMMANDS if entry[0] not in names)
    monkeypatch.setattr(tree, "COMMANDS", (*fake_topic.TREE, *real))


@pytest.fixture
def store(tmp_path):
    """Where the fresh store lies."""
    return tmp_path / "store"


@pytest.fixture
def mgov(run, store):
    """Run a command on a fresh store."""
    assert run("init", str(store)).code == 0
    return lambda *argv, **options: run("-S", str(store), *argv, **options)


@pytest.fixture
def server():
    """A server that answers with 200 until it is told otherwise."""
    with Loopback() as running:
        yield running


@pytest.fixture
def gone():
    """The address of a server that has stopped."""
    with Loopback() as running:
        pass
    return running


@pytest.fixture
def clock(monkeypatch):
    """The clock of every command, which the test moves."""
    fake = FakeClock()
    monkeypatch.setattr("mgov.clock.SystemClock.now", lambda _: fake.now())
    monkeypatch.setattr("mgov.clock.SystemClock.sleep", lambda _, seconds: fake.sleep(seconds))
    return fake
