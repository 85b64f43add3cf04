"""Files that a person hands to a command: manifests, OpenAPI documents, schemas. Every fault is one line with 2."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from mgov.errors import InputError, UsageError
from mgov.formats.malformed import Malformed
from mgov.model.manifest import parse

if TYPE_CHECKING:
    from mgov.model.manifest import Entry

MAX_INPUT_BYTES = 64 * 1024 * 1024
STDIN = "-"
_SUFFIXES = (".toml", ".json")
_YAML_SUFFIXES = (".yaml", ".yml")


def read_manifest(path: str) -> tuple[Entry, ...]:
    """The entries of a file, of every .toml and .json file of a folder together, or of standard input (`-`).

    InputError names the file, and the place in it.
    """
    if path == STDIN or not os.path.isdir(path):
        return _entries(path)
    try:
        names = sorted(name for name in os.listdir(path) if name.endswith(_SUFFIXES) and not name.startswith("."))
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    if not names:
        raise InputError(f"{path} holds no .toml or .json file")
    merged: list[Entry] = []
    origin: dict[str, str] = {}
    for file in (os.path.join(path, name) for name in names):
        for entry in _entries(file):
            if entry.service.name in origin:
                raise InputError(f"{file}: services.{entry.service.name} stands in {origin[entry.service.name]} too")
            origin[entry.service.name] = file
            merged.append(entry)
    return tuple(merged)


def _entries(path: str) -> tuple[Entry, ...]:
    document = read_document(path)
    try:
        return parse(document)
    except UsageError as error:
        hint = _importer(document, path) or error.hint
        raise InputError(f"{shown_path(path)}: {error.message}", hint=hint) from None


def _importer(document: Any, path: str) -> str:
    """What makes a manifest of a file that another tool reads; '' where it looks like none."""
    if not isinstance(document, dict):
        return ""
    if isinstance(document.get("kind"), str):
        return f"mgov import kubernetes {path}"
    services = document.get("services")
    tables = services.values() if isinstance(services, dict) else ()
    is_composed = any(isinstance(table, dict) and ("image" in table or "build" in table) for table in tables)
    return f"mgov import compose {path}" if is_composed else ""


def shown_path(path: str) -> str:
    """How messages name the place that a document came from."""
    return "standard input" if path == STDIN else path


def read_document(path: str, kind: str = "") -> Any:
    """The TOML, JSON or (for .yaml and .yml) YAML document at `path`; InputError names file, line and column.

    `kind` (toml, json, yaml) says what it is, whatever its name.
    """
    data = read_bytes(path)
    shown = shown_path(path)
    try:
        if kind == "yaml" or (not kind and path.endswith(_YAML_SUFFIXES)):
            documents = _yaml(data, shown)
            if len(documents) > 1:
                hint = _importer(documents[0], path) or None
                raise Malformed(f"it holds {len(documents)} documents, not one", hint=hint)
            return documents[0] if documents else None
        if kind == "json" or (not kind and (path.endswith(".json") or (path == STDIN and data.lstrip()[:1] == b"{"))):
            return _json(data)
        from mgov.formats import toml

        return toml.parse(data, max_bytes=MAX_INPUT_BYTES)
    except Malformed as error:
        raise InputError(error.at(shown), hint=error.hint) from None


def read_documents(path: str) -> list[Any]:
    """The documents of a file that another tool wrote: one of JSON, or all of YAML; InputError names the place."""
    return parse_documents(read_bytes(path), path)


def parse_documents(data: bytes, path: str) -> list[Any]:
    """As `read_documents`, of what was read from `path`.

    What does not say by its name is JSON when it begins as JSON does. An empty file is refused.
    """
    shown = shown_path(path)
    try:
        is_json = not path.endswith(_YAML_SUFFIXES) and data.lstrip()[:1] in (b"{", b"[")
        documents = [_json(data)] if is_json or path.endswith(".json") else _yaml(data, shown)
    except Malformed as error:
        raise InputError(error.at(shown), hint=error.hint) from None
    if all(document is None for document in documents):
        raise InputError(f"{shown}: it is empty")
    return documents


def read_bytes(path: str) -> bytes:
    """The bytes of a file or of standard input; at most 64 MiB."""
    try:
        if path == STDIN:
            if sys.stdin is None or sys.stdin.isatty():
                raise UsageError("standard input is a terminal", hint="pipe a file in, or name one")
            data = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(MAX_INPUT_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {path or repr(path)}: {(error.strerror or str(error)).lower()}") from error
    except ValueError:
        raise InputError(f"{path!r} is not a path") from None
    if len(data) > MAX_INPUT_BYTES:
        raise InputError(f"{path} is larger than {MAX_INPUT_BYTES // 2**20} MiB")
    return data


def _json(data: bytes) -> Any:
    from mgov.formats import strictjson

    return strictjson.parse(data, max_bytes=MAX_INPUT_BYTES)


def _yaml(data: bytes, shown: str) -> list[Any]:
    from mgov.formats import yamltext

    try:
        return yamltext.parse_all(data)
    except ImportError:
        raise UsageError(f"{shown} is YAML, which needs an extra", hint="pip install 'mgov[yaml]'") from None
