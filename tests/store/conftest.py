"""A real store in a temporary folder, of which a test can open as many handles as it likes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from storekit import make, open_files

from mgov.store.files import FilesStore


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of a new, empty store."""
    return make(tmp_path / "store")


@pytest.fixture
def store(place: Path) -> FilesStore:
    """A handle on it."""
    return open_files(place)


@pytest.fixture
def reopen(place: Path) -> Callable[[], FilesStore]:
    """Opens another handle on the same store, as another process would."""
    return lambda: open_files(place)
