"""YAML as people write compose files and manifests: the core schema of YAML 1.2 with the merge keys of 1.1, bounded.

The text is read as a stream of events (PyYAML, on libyaml where it is there), and nothing but mappings, lists, texts,
numbers, truth values and null is ever made of them. Aliases share what they name; what they would be written out is
counted, so that a few lines cannot become a billion values. Keys are always texts, and none may stand twice. As in
YAML 1.2, `yes` and `22:22` are texts, not a truth value and a number to the base of sixty.
"""

from __future__ import annotations

import re
from typing import Any

from mgov.formats.lined import Items, Table
from mgov.formats.malformed import MAX_DEPTH, Malformed, decode
from mgov.model.record import NamedTuple

MAX_YAML_BYTES = 16 * 1024 * 1024
MAX_VALUES = 1_000_000
_MERGE = "<<"
_NAMED = {"": None, "~": None, "null": None, "Null": None, "NULL": None,
          "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}  # fmt: skip
_INT = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
_TAG = "tag:yaml.org,2002:"
_TOO_DEEP = "it is nested too deeply"


def parse_all(data: bytes, *, max_bytes: int = MAX_YAML_BYTES) -> list[Any]:
    """The documents in `data`, their mappings and lists as Table and Items; raise Malformed with the place.

    ImportError when PyYAML is not there.
    """
    import yaml

    if len(data) > max_bytes:
        raise Malformed(f"it has {len(data)} bytes, at most {max_bytes} are read as YAML")
    builder = _Builder()
    try:
        for event in yaml.parse(decode(data), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            builder.take(event)
    except yaml.YAMLError as error:
        raise _placed(error) from None
    return builder.documents


class _Anchored(NamedTuple):
    value: Any
    value_count: int
    height: int


class _Open:
    """A mapping or list whose end has not come: the key that waits for a value, and what was merged into it."""

    __slots__ = ("anchor", "began", "height", "key", "line", "merged", "value")

    def __init__(self, value: Table | Items, anchor: str | None, began: int, line: int) -> None:
        self.value = value
        self.anchor = anchor
        self.began = began
        self.line = line
        self.height = 0
        self.key: str | None = None
        self.merged: list[Table] = []


class _Builder:
    """Takes events in their order; `documents` holds what is whole."""

    def __init__(self) -> None:
        self.documents: list[Any] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored | None] = {}
        self._count = 0
        self._on = {
            "DocumentStartEvent": self._start_document, "ScalarEvent": self._scalar, "AliasEvent": self._alias,
            "MappingStartEvent": self._start_mapping, "SequenceStartEvent": self._start_list,
            "MappingEndEvent": self._end, "SequenceEndEvent": self._end,
        }  # fmt: skip

    def take(self, event: Any) -> None:
        """Take the next event; raise Malformed where it breaks a rule of this file."""
        handle = self._on.get(type(event).__name__)
        if handle is not None:
            handle(event)

    def _start_document(self, _event: Any) -> None:
        self._anchors = {}
        self._count = 0

    def _start_mapping(self, event: Any) -> None:
        self._begin(event, Table(event.start_mark.line + 1))

    def _start_list(self, event: Any) -> None:
        self._begin(event, Items(event.start_mark.line + 1))

    def _begin(self, event: Any, value: Table | Items) -> None:
        self._expect_value(event)
        if event.tag not in (None, "!", f"{_TAG}map", f"{_TAG}seq"):
            raise _unread(event)
        if len(self._open) >= MAX_DEPTH:
            raise _at(event, _TOO_DEEP)
        self._add(event, 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = None          # open: an alias to it from inside has no end
        self._open.append(_Open(value, event.anchor, self._count, event.start_mark.line + 1))

    def _end(self, event: Any) -> None:
        done = self._open.pop()
        for source in done.merged:                      # the mapping's own keys win, then the first source's
            assert isinstance(done.value, Table)
            done.value.adopt(source)
        height = done.height + 1
        if done.anchor is not None:
            self._anchors[done.anchor] = _Anchored(done.value, self._count - done.began + 1, height)
        self._put(done.value, done.line, height, event)

    def _alias(self, event: Any) -> None:
        self._expect_value(event)
        found = self._anchors.get(event.anchor)
        if found is None:
            inside = event.anchor in self._anchors
            raise _at(event, f"*{event.anchor:.40} stands inside what it names" if inside
                      else f"no anchor &{event.anchor:.40} stands before this")
        if len(self._open) + found.height > MAX_DEPTH:
            raise _at(event, _TOO_DEEP)
        self._add(event, found.value_count)
        self._put(found.value, event.start_mark.line + 1, found.height, event)

    def _scalar(self, event: Any) -> None:
        top = self._open[-1] if self._open else None
        if top is not None and top.key is None and isinstance(top.value, Table):
            self._take_key(top, event)
            return
        value = self._value(event)
        self._add(event, 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, 1, 0)
        self._put(value, event.start_mark.line + 1, 0, event)

    def _take_key(self, top: _Open, event: Any) -> None:
        if event.value in top.value:
            first = top.value.lines[event.value]
            raise _at(event, f"the key {event.value!r:.80} stands twice, first in line {first}")
        top.key = event.value
        if event.value != _MERGE or not event.implicit[0]:
            assert isinstance(top.value, Table)
            top.value[event.value] = None
            top.value.lines[event.value] = event.start_mark.line + 1

    def _put(self, value: Any, line: int, height: int, event: Any) -> None:
        if not self._open:
            self.documents.append(value)
            return
        top = self._open[-1]
        top.height = max(top.height, height)
        if isinstance(top.value, Items):
            top.value.append(value)
            top.value.lines.append(line)
            return
        key, top.key = top.key, None
        assert key is not None
        if key in top.value:
            top.value[key] = value
        else:
            top.merged += _sources(value, event)

    def _expect_value(self, event: Any) -> None:
        top = self._open[-1] if self._open else None
        if top is not None and top.key is None and isinstance(top.value, Table):
            raise _at(event, "a key must be text, not a mapping, a list or an alias")

    def _add(self, event: Any, count: int) -> None:
        self._count += count
        if self._count > MAX_VALUES:
            raise _at(event, f"written out it is more than {MAX_VALUES} values")

    def _value(self, event: Any) -> Any:
        text, tag = event.value, event.tag
        if tag is None or tag == "!":
            return self._plain(event, text) if event.implicit[0] else text
        if tag == f"{_TAG}str":
            return text
        if tag.startswith(_TAG) and tag[len(_TAG) :] in ("null", "bool", "int", "float"):
            return self._plain(event, text)
        raise _unread(event)

    def _plain(self, event: Any, text: str) -> Any:
        if text in _NAMED:
            return _NAMED[text]
        if text[0] in "+-.0123456789":
            try:
                if (text.isascii() and text.isdigit()) or re.fullmatch(_INT, text):
                    return int(text, 0 if text[:2] in ("0o", "0x") else 10)
                if re.fullmatch(_FLOAT, text) and abs(number := float(text)) != float("inf"):
                    return number
            except ValueError:
                raise _at(event, "a number in it has too many digits") from None
        return text


def _sources(value: Any, event: Any) -> list[Table]:
    sources = value if isinstance(value, Items) else [value]
    if not all(isinstance(source, Table) for source in sources):
        raise _at(event, "<< takes a mapping, or a list of mappings")
    return list(sources)


def _unread(event: Any) -> Malformed:
    return _at(event, f"the tag {event.tag.replace(_TAG, '!!'):.60} is not read")


def _at(event: Any, message: str) -> Malformed:
    return Malformed(message, event.start_mark.line + 1, event.start_mark.column + 1)


def _placed(error: Any) -> Malformed:
    mark = getattr(error, "problem_mark", None)
    what = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it is not YAML")
    if "nesting depth" in what:                         # libyaml's own bound, met as it reads ahead of its events
        what = _TOO_DEEP
    return Malformed(what, mark.line + 1, mark.column + 1) if mark else Malformed(what)
