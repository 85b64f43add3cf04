"""`policy.toml`: people write it, and mgov only when a change of it is taken back.

Every write of intent takes an edit of it into the log, so that it has a past like a definition's. Text that is no
policy is not taken in, and whoever needs the policy is told where it is wrong: a rule that silently held as it was
before would let pass what it should stop, or the reverse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import StoreDamaged, UsageError
from mgov.formats import toml
from mgov.formats.malformed import Malformed
from mgov.model.policy import parse_policy
from mgov.store import history
from mgov.store.base import Document
from mgov.store.codec import etag
from mgov.store.layout import POLICY, place_of

if TYPE_CHECKING:
    from mgov.store.base import Value
    from mgov.store.root import Root

MAX_BYTES = 1024 * 1024


def parse(data: bytes, path: str) -> Value:
    """The table in a policy's bytes; raise StoreDamaged naming `path` and the line, column or key at fault."""
    try:
        table: Value = toml.parse(data, max_bytes=MAX_BYTES)
        parse_policy(table)
    except Malformed as error:
        raise StoreDamaged(error.at(path), hint=f"mend {path}") from None
    except UsageError as error:
        raise StoreDamaged(f"{path}: {error.message}", hint=error.hint or f"mend {path}") from None
    return table


def read(root: Root, data: bytes, path: str) -> Document:
    """The policy in a file's bytes; raise StoreDamaged. Its revision has a mark where the log does not know it yet."""
    value = parse(data, path)
    newest = history.newest(root, place_of(POLICY))
    mark = etag(data)
    if newest is not None and newest.etag == mark:
        return Document(POLICY, value, str(newest.revision))
    return Document(POLICY, value, f"{newest.revision if newest is not None else 0}~{mark}")


def to_bytes(root: Root, value: Value) -> bytes:
    """The bytes to write for `value`: the text that said so before, with its comments, where a copy is kept."""
    place = place_of(POLICY)
    for copy in reversed(history.copies(root, place)):
        data = history.load(root, place, copy)
        try:
            if data is not None and parse(data, place.path) == value:
                return data
        except StoreDamaged:
            continue
    return toml.dump(value).encode()
