"""The fake topic in the tree, for the tests of the framework."""

import fake_topic
import pytest

from mgov.cli import tree


@pytest.fixture
def fake_tree(monkeypatch):
    """The commands of fake_topic stand beside the real ones."""
    names = {entry[0] for entry in fake_topic.TREE}
    real = tuple(entry for entry in tree.COMMANDS if entry[0] not in names)
    monkeypatch.setattr(tree, "COMMANDS", (*fake_topic.TREE, *real))
