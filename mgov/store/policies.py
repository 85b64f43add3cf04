"""`policy.toml`: people write it and git keeps its past; mgov only reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import StoreDamaged, UsageError
from mgov.formats import toml
from mgov.formats.malformed import Malformed
from mgov.model.policy import parse_policy
from mgov.store.base import Document
from mgov.store.codec import etag
from mgov.store.layout import POLICY

if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 1024 * 1024


def read(data: bytes, path: str) -> Document:
    """The policy in a file's bytes; raise StoreDamaged naming `path` and the line, column or key at fault."""
    try:
        table: dict[str, Any] = toml.parse(data, max_bytes=MAX_BYTES)
        parse_policy(table)
    except Malformed as error:
        raise StoreDamaged(error.at(path), hint=f"mend {path}") from None
    except UsageError as error:
        raise StoreDamaged(f"{path}: {error.message}", hint=error.hint or f"mend {path}") from None
    return Document(POLICY, table, f"0~{etag(data)}")
