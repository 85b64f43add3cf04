"""What the tables of a manifest, a definition or a policy may hold, and how to read it from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.model.names import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TEXT_CHARS = 1024 * 1024


def refuse_unknown(table: Mapping[str, Any], keys: tuple[str, ...], what: str) -> None:
    """Raise UsageError for the first key of `table` that is not among `keys`, with the nearest one."""
    for key in table:
        if key not in keys:
            near = suggest(str(key), list(keys))
            raise UsageError(f"{what} has no key {str(key)!r:.80}", hint=f"did you mean {near}?" if near else None)


def check_text(text: str, what: str) -> str:
    """Return `text` if it can be stored: no NUL, no half of a surrogate pair, at most 1 MiB of characters."""
    if len(text) > MAX_TEXT_CHARS:
        raise UsageError(f"{what} has {len(text)} characters, at most {MAX_TEXT_CHARS} are kept")
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise UsageError(f"{what} holds a character that is not text")
    return text


def text_at(table: Mapping[str, Any], field: str) -> str:
    """The text under `field`, '' where there is none."""
    value = table.get(field, "")
    if not isinstance(value, str):
        raise UsageError(f"{field} must be text in quotes, not {value!r:.40}")
    return check_text(value, field)


def texts_at(table: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """The list of texts under `field`, each once, in their order."""
    value = table.get(field, [])
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{field} must be a list of texts, not {value!r:.40}")
    for item in value:
        check_text(item, field)
        if not item or "," in item:
            raise UsageError(f"{field}: {item!r:.40} is empty or holds a comma")
    return tuple(dict.fromkeys(value))


def metadata_at(table: Mapping[str, Any]) -> dict[str, str]:
    """The table of texts under `metadata`, by sorted key."""
    value = table.get("metadata", {})
    if not isinstance(value, dict):
        raise UsageError(f"metadata must be a table, not {value!r:.40}")
    for key, text in value.items():
        if not isinstance(key, str):
            raise UsageError(f"metadata: the key {key!r:.40} must be text in quotes")
        if not isinstance(text, str):
            raise UsageError(f"metadata.{key:.80} must be text in quotes, not {text!r:.40}")
        check_text(key, "metadata")
        check_text(text, f"metadata.{key:.80}")
    return dict(sorted(value.items()))
