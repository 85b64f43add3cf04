"""Service files that disappeared without mgov: a person's `rm`, a mount that is missing, half a copy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mgov.store.folder import names_in
from mgov.store.history import GONE
from mgov.store.layout import HISTORY, INSTANCES, SERVICES

if TYPE_CHECKING:
    from mgov.store.files import FilesStore
    from mgov.store.root import Root

SUFFIXES = {SERVICES: ".toml", INSTANCES: ".json"}
LOST_SHARE = 0.2
FEWEST_LOST = 2


def vanished(root: Root, folder: str = SERVICES) -> tuple[list[str], int]:
    """(names whose file in `folder` disappeared without mgov, how many there should be)."""
    known = set(names_in(root, f"{HISTORY}/{folder}", ""))
    present = set(names_in(root, folder, SUFFIXES[folder]))
    lost = [name for name in sorted(known - present) if not _is_gone(root, f"{HISTORY}/{folder}/{name}")]
    return lost, len(present) + len(lost)


def _is_gone(root: Root, folder: str) -> bool:
    marks = names_in(root, folder, "")
    return not marks or marks[-1].endswith(f"-{GONE}")


def is_alarming(lost: list[str], total: int) -> bool:
    """More than a fifth of the files, and more than one."""
    return len(lost) >= FEWEST_LOST and len(lost) > LOST_SHARE * total


def warn_of_lost(store: FilesStore) -> None:
    """Warn when more service files than a person deletes by hand have vanished since mgov last wrote."""
    lost, total = vanished(store.root)
    if is_alarming(lost, total) and not in_git(store.root.path):
        store.warn(f"{len(lost)} of {total} service files have vanished, {lost[0]} among them")


def in_git(path: str) -> bool:
    """Whether a git work tree holds `path`: there, a change of branch takes files away by hand."""
    folder = path
    while True:
        if os.path.exists(os.path.join(folder, ".git")):
            return True
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above
