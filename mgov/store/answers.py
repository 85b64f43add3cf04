"""The last good answers of services, for the day they fail: `cache/answers/`, deletable at any time.

At most 64 answers and 16 MiB, the oldest go first. An answer that does not fit, a cut or flipped file and a store that
cannot be written are all the same: there is none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mgov.store.codec import encode_json, unseal
from mgov.store.folder import close, open_folder, read_file, stats_in
from mgov.store.layout import CACHE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.store.root import Root

FOLDER = f"{CACHE}/answers"
MAX_BODY_BYTES = 1024 * 1024
MAX_COUNT = 64
MAX_BYTES = 16 * 1024 * 1024
_SUFFIX = ".json"


class Answers:
    """The answers kept in the store at `root`."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def keep(self, mark: str, fields: Mapping[str, Any], body: bytes) -> None:
        """Keep an answer under `mark`, in place of an earlier one. `mark` is hex: a digest of what was asked."""
        if len(body) > MAX_BODY_BYTES:
            return
        from base64 import b64encode

        from mgov.store.definitions import save_cached

        try:
            text = f'"fields":{encode_json(dict(fields))},"body":"{b64encode(body).decode()}"'
            save_cached(self._root, FOLDER, f"{mark}{_SUFFIX}", text)
            _make_room(self._root)
        except (OSError, ValueError):
            return

    def find(self, mark: str) -> tuple[dict[str, Any], bytes] | None:
        """The fields and the body under `mark`, or None."""
        from base64 import b64decode

        try:
            data = read_file(self._root, FOLDER, f"{mark}{_SUFFIX}")
            document = unseal(data) if data else {}
            return (document["fields"], b64decode(document["body"])) if document else None
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _make_room(root: Root) -> None:
    kept = sorted(stats_in(root, FOLDER, _SUFFIX), key=lambda entry: entry[1].st_mtime_ns)
    total = sum(info.st_size for _, info in kept)
    parent = open_folder(root, FOLDER)
    try:
        for place, (name, info) in enumerate(kept):
            if len(kept) - place <= MAX_COUNT and total <= MAX_BYTES:
                return
            os.unlink(f"{name}{_SUFFIX}", dir_fd=parent)
            total -= info.st_size
    finally:
        close(parent)
