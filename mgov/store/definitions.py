"""Service definitions on disk: TOML that people own, mgov writes, and git merges.

Whether a file that does not carry mgov's intact last line is a hand edit or damage:

- it parses and every key is known: a hand edit, respected, whatever its last line says;
- it is the beginning of the last good copy: it was cut off, which no editor does;
- anything else: the last good copy stays in force, and the file's fault is named with line and column.

Loading a TOML parser takes longer than the rest of a read, so a definition that was read alone leaves its table in
`cache/definitions/`, beside the text it came from. It counts only for exactly that text, and is checked like one that
was parsed just now; it can be deleted at any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import StoreDamaged, UsageError
from mgov.formats import toml
from mgov.formats.malformed import Malformed
from mgov.model.service import parse_service
from mgov.store import history
from mgov.store.base import Document
from mgov.store.codec import encode_json, end_toml, etag, read_end, seal, strip_end, unseal
from mgov.store.folder import close, drop_temp, open_folder, read_file, replace, write_temp
from mgov.store.layout import CACHE, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgov.store.base import Value
    from mgov.store.layout import Place
    from mgov.store.root import Root

MAX_BYTES = 1024 * 1024
_PARSED = f"{CACHE}/definitions"


def parse(name: str, data: bytes, path: str) -> Value:
    """The table in a definition's bytes; raise StoreDamaged naming `path`, line and column."""
    try:
        table = toml.parse(data, max_bytes=MAX_BYTES)
    except Malformed as error:
        raise StoreDamaged(error.at(path), hint=f"mend {path}, or: mgov store repair") from None
    return _checked(name, table, path)


def _checked(name: str, table: dict[str, Any], path: str) -> Value:
    if table.get("name", name) != name:
        raise StoreDamaged(
            f"{path} holds the service {table['name']!r:.80}, its file name says {name!r}",
            hint=f"rename the file, or set name = {name!r}",
        )
    try:
        parse_service(name, table)
    except UsageError as error:
        raise StoreDamaged(
            f"{path}: {error.message}", hint=error.hint or f"mend {path}, or: mgov store repair"
        ) from None
    return {"name": name, **table}


def normal(name: str, value: Value) -> Value:
    """The value as a file will hold it: with its name, None left out; raise UsageError when it is no definition."""
    table = {"name": name, **toml.without_none(value)}
    if table["name"] != name:
        raise UsageError(f"name is {table['name']!r:.80}, but it stands under {name!r}")
    parse_service(name, table)
    return table


def token(root: Root, place: Place, data: bytes) -> str:
    """The revision of a definition's bytes: mgov's own, or the newest one with a mark of what a person put there."""
    end = read_end(data)
    mark = etag(data)
    newest = history.newest(root, place)
    known = newest.revision if newest is not None else 0
    written = end.revision if end is not None and end.is_intact else 0
    if newest is not None and newest.etag == mark:
        return str(max(known, written))
    if written > known:
        return str(written)
    # A file that mgov wrote long ago and a person brought back (git, cp) is an edit: revisions never go back. Unless
    # it was the newest when it was read, just now.
    if written and read_file(root, *place) != data:
        return str(written)
    return f"{known}~{mark}"


def check_whole(root: Root, place: Place, data: bytes) -> None:
    """Raise StoreDamaged when `data` is the beginning of the last good copy: an editor does not cut, a disk does.

    Only the last line as a whole may be missing: then a person took it away, and the definition is all there.
    """
    end = read_end(data)
    if end is not None and end.is_intact:
        return
    good = history.last_good(root, place)
    if good is None or len(data) >= len(good[1]) or not good[1].startswith(data):
        return
    if data != strip_end(good[1]):
        raise StoreDamaged(
            f"{place.path} is cut off after {len(data)} of {len(good[1])} bytes",
            hint=f"mgov store repair, or keep it as it is: mgov accept {place.name.removesuffix('.toml')}",
        )


def read(root: Root, name: str, data: bytes, *, keep: bool = False) -> Document:
    """The document in a definition's bytes; raise StoreDamaged. `keep` spares the next reader the parsing."""
    key = f"service/{name}"
    place = place_of(key)
    if not data.strip(b"\0"):
        raise StoreDamaged(f"{place.path} is empty", hint="mgov store repair")
    check_whole(root, place, data)
    table = _parsed_before(root, name, data)
    value = _checked(name, table, place.path) if table is not None else parse(name, data, place.path)
    if keep and table is None:
        _keep_parsed(root, name, data, value)
    return Document(key, value, token(root, place, data))


def _parsed_before(root: Root, name: str, data: bytes) -> dict[str, Any] | None:
    try:
        kept = read_file(root, _PARSED, f"{name}.json")
        fields = unseal(kept) if kept else {}
        return fields["table"] if fields and fields["text"].encode() == data else None
    except (OSError, ValueError, KeyError):
        return None


def _keep_parsed(root: Root, name: str, data: bytes, value: Value) -> None:
    try:
        fields = f'"text":{encode_json(data.decode())},"table":{encode_json(value)}'
    except (ValueError, TypeError):
        return                                  # TOML knows infinities and times, JSON does not
    save_cached(root, _PARSED, f"{name}.json", fields)


def save_cached(root: Root, folder: str, name: str, fields: str) -> None:
    """Write one sealed file of the cache; nothing happens where this user may not write, or the disk is full."""
    try:
        parent = open_folder(root, folder, create=True)
    except OSError:
        return
    try:
        # Readers hold no lock: two that save at once may mix their temp file, and its checksum then says so.
        write_temp(root, parent, name, seal(fields), is_durable=False)
        replace(parent, name)
    except OSError:
        drop_temp(parent, name)
    finally:
        close(parent)


def read_or_held(
    root: Root, name: str, data: bytes, warn: Callable[[str], None], *, keep: bool = False
) -> Document:
    """As `read`; on damage the last good copy, marked as held, with a warning, or StoreDamaged where there is none."""
    try:
        return read(root, name, data, keep=keep)
    except StoreDamaged as error:
        key = f"service/{name}"
        good = history.last_good(root, place_of(key))
        if good is None:
            raise
        warn(f"{error.message}; the last good copy stays in force")
        copy, text = good
        return Document(key, parse(name, text, place_of(key).path), str(copy.revision), is_held=True)


def text_of(root: Root, name: str, value: Value) -> bytes | None:
    """The last text of a definition that was removed, where it said just `value`: it comes back with its comments."""
    place = place_of(f"service/{name}")
    for copy in reversed(history.copies(root, place)):
        if copy.etag != history.GONE:
            data = history.load(root, place, copy)
            try:
                return data if data is not None and parse(name, data, place.path) == value else None
            except StoreDamaged:
                return None
    return None


def to_bytes(value: Value, revision: int, before: bytes | None, old: Value | None = None) -> bytes:
    """The bytes to write: canonical TOML, or, where a person shaped the file, their text with the changed keys.

    `before` are the bytes that are replaced, `old` the value in them if it is known already.
    """
    text = toml.dump(value)
    if before is not None:
        body = strip_end(before).decode()
        if old is None or body != toml.dump(old):
            table = toml.parse(body.encode(), max_bytes=MAX_BYTES)
            if body != toml.dump(table):
                text = _edit(body, table, value)
    data = end_toml(text if text.endswith("\n") else text + "\n", revision)
    if len(data) > MAX_BYTES:
        raise UsageError(f"the definition of {value['name']} has {len(data)} bytes, at most {MAX_BYTES} are kept")
    return data


def _edit(text: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    import tomlkit

    document = tomlkit.parse(text)
    for key in old:
        if key not in new:
            del document[key]
    for key, value in new.items():
        if key not in old or old[key] != value:
            document[key] = value
    edited = tomlkit.dumps(document)
    return edited if toml.parse(edited.encode(), max_bytes=MAX_BYTES) == new else toml.dump(new)

