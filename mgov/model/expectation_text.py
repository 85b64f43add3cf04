"""How an expectation is read: the grammar is told in `model.expectation`, each fault with its column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.model.expectation import (
    BODY,
    CERT,
    EQUALITY,
    HEADER,
    JSON,
    LATENCY,
    ORDER,
    PATTERN,
    STATUS,
    Expectation,
)
from mgov.model.names import suggest
from mgov.model.pattern import BadPattern, compile_pattern
from mgov.model.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_TEXT_CHARS = 1000
MAX_PATH_STEPS = 64
_OPERATORS = ("==", "!=", "!~", "<=", ">=", "=", "<", ">", "~")         # the longer before what they begin with
_TAKES: dict[str, tuple[str, ...]] = {
    STATUS: EQUALITY + ORDER,
    LATENCY: ("=", "<", "<="),
    BODY: EQUALITY + PATTERN,
    JSON: EQUALITY + ORDER + PATTERN,
    HEADER: EQUALITY + PATTERN,
    CERT: ("=", ">", ">="),
}
_EXAMPLES = {
    STATUS: "status=2xx", LATENCY: "latency=200ms", BODY: "body~ready", JSON: "json:.status==up",
    HEADER: "header:Content-Type~json", CERT: "cert=14d",
}  # fmt: skip
_HEADER_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")  # of RFC 9110's tokens
_KEY_ENDS = frozenset(".[]=!<>~\"' ")


class Parser:
    """One text and how far it has been read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._end = len(text)

    def parse(self) -> Expectation:
        """The expectation; raise UsageError with the column of a fault."""
        if len(self._text) > MAX_TEXT_CHARS:
            raise self._fault(MAX_TEXT_CHARS, f"longer than {MAX_TEXT_CHARS} characters")
        self._end = len(self._text.rstrip())
        self._skip_spaces()
        is_soft = self._take("soft:")
        self._skip_spaces()
        subject = self._subject()
        name = self._name(subject)
        self._skip_spaces()
        operator = self._operator(subject)
        is_pattern = operator in PATTERN
        if not is_soft and self._is_marked_soft(is_pattern=is_pattern):
            is_soft = True
            self._end -= 1
        if not is_pattern:
            self._skip_spaces()
            self._end = self._at + len(self._rest.rstrip())
        if self._at >= self._end:
            raise self._fault(self._at, f"no value behind {operator}", hint=f"such as {_EXAMPLES[subject]}")
        value = self._pattern() if is_pattern else _VALUES[subject](self, operator)
        return Expectation(self._text, subject, name, operator, value, is_soft)

    @property
    def _rest(self) -> str:
        return self._text[self._at : self._end]

    def _fault(self, at: int, reason: str, hint: str | None = None) -> UsageError:
        # Not its repr: a backslash that is doubled would stand two columns wide.
        return UsageError(f"expectation '{self._text[:80]}', column {at + 1}: {reason}", hint=hint)

    def _skip_spaces(self) -> None:
        while self._at < self._end and self._text[self._at].isspace():
            self._at += 1

    def _take(self, word: str) -> bool:
        if self._text.startswith(word, self._at, self._end):
            self._at += len(word)
            return True
        return False

    def _subject(self) -> str:
        start = self._at
        while self._at < self._end and self._text[self._at].isalpha():
            self._at += 1
        subject = self._text[start : self._at]
        if subject not in _TAKES:
            what = f"{subject[:40]!r} is nothing that can be expected" if subject else "nothing is named"
            near = suggest(subject.lower(), list(_TAKES))
            begin = f"begin with {', '.join(_TAKES)}; such as status=2xx"
            raise self._fault(start, what, hint=f"did you mean {near}? {begin}" if near else begin)
        return subject

    def _name(self, subject: str) -> Any:
        if subject not in (HEADER, JSON):
            return ""
        if not self._take(":"):
            raise self._fault(self._at, f"{subject} needs a name behind a colon", hint=f"such as {_EXAMPLES[subject]}")
        return self._header_name() if subject == HEADER else self._path()

    def _header_name(self) -> str:
        start = self._at
        while self._at < self._end and self._text[self._at] in _HEADER_CHARS:
            self._at += 1
        if start == self._at:
            raise self._fault(start, "no header is named", hint=f"such as {_EXAMPLES[HEADER]}")
        return self._text[start : self._at].lower()

    def _path(self) -> tuple[str | int, ...]:
        """Keys behind dots, indexes in brackets, odd keys as JSON strings in brackets; a lone dot is the root."""
        steps: list[str | int] = []
        start = self._at
        while self._at < self._end and len(steps) <= MAX_PATH_STEPS:
            if self._take("["):
                steps.append(self._bracket())
            elif self._take("."):
                key = self._key()
                if key:
                    steps.append(key)
                elif self._at < self._end and self._text[self._at] in ".]":
                    raise self._fault(self._at, "a key is missing in the JSON path")
            else:
                break
        if len(steps) > MAX_PATH_STEPS:
            raise self._fault(self._at, f"the JSON path has more than {MAX_PATH_STEPS} steps")
        if start == self._at:
            raise self._fault(start, "a JSON path begins with a dot", hint=f"such as {_EXAMPLES[JSON]}")
        return tuple(steps)

    def _key(self) -> str:
        start = self._at
        while self._at < self._end and self._text[self._at] not in _KEY_ENDS:
            self._at += 1
        return self._text[start : self._at]

    def _bracket(self) -> str | int:
        start = self._at
        if self._text.startswith('"', start, self._end):
            step: str | int = self._string()
        else:
            while self._at < self._end and self._text[self._at] in "0123456789":
                self._at += 1
            if not 0 < self._at - start <= 9:
                raise self._fault(start, "brackets hold an index or a key in double quotes",
                                  hint='such as json:.items[0].n>=3 or json:.["odd.key"]==up')
            step = int(self._text[start : self._at])
        if not self._take("]"):
            raise self._fault(self._at, "a bracket is not closed")
        return step

    def _string(self) -> str:
        """The JSON string that begins here."""
        import json

        try:
            value, self._at = json.JSONDecoder().raw_decode(self._text[: self._end], self._at)
        except ValueError:
            raise self._fault(self._at, "a string in double quotes is not closed or not valid JSON") from None
        return str(value)

    def _operator(self, subject: str) -> str:
        start = self._at
        for operator in _OPERATORS:
            if self._take(operator):
                break
        else:
            raise self._fault(start, f"an operator is missing behind {subject}", hint=f"such as {_EXAMPLES[subject]}")
        if operator in ("=", "==") and self._text.startswith("~", self._at):
            raise self._fault(start, f"{operator}~ is not an operator", hint="~ is enough for a regular expression")
        operator = "=" if operator == "==" else operator
        takes = _TAKES[subject]
        if operator not in takes:
            raise self._fault(start, f"{subject} does not take {operator}", hint=f"it takes {' '.join(takes)}")
        return operator

    def _is_marked_soft(self, *, is_pattern: bool) -> bool:
        if not self._rest.endswith("?"):
            return False
        before = self._rest[:-1]
        return not is_pattern or (len(before) - len(before.rstrip("\\"))) % 2 == 0

    # -- values

    def _pattern(self) -> str:
        pattern = self._rest
        try:
            compile_pattern(pattern)
        except BadPattern as bad:
            raise self._fault(self._at + bad.at, bad.reason, hint="the syntax is RE2's") from None
        return pattern

    def _codes(self, operator: str) -> int | tuple[tuple[int, int], ...]:
        if operator in ORDER:
            return self._code(self._rest, self._at)
        pairs = []
        at = self._at
        for part in self._rest.split(","):
            word = part.strip().lower()
            if len(word) == 3 and word[0] in "12345" and word[1:] == "xx":
                pairs.append((int(word[0]) * 100, int(word[0]) * 100 + 99))
            else:
                code = self._code(part, at)
                pairs.append((code, code))
            at += len(part) + 1
        return tuple(pairs)

    def _code(self, part: str, at: int) -> int:
        word = part.strip()
        if not (word.isascii() and word.isdigit() and len(word) == 3 and "100" <= word <= "599"):
            at += len(part) - len(part.lstrip())
            raise self._fault(at, f"{word[:40]!r} is not an HTTP status", hint="such as 200, 2xx or 200,204")
        return int(word)

    def _duration(self, _operator: str) -> float:
        try:
            return parse_duration(self._rest)
        except UsageError:
            raise self._fault(self._at, f"{self._rest[:40]!r} is not a duration of at most a year",
                              hint="such as 500ms, 2s or 14d") from None

    def _latency(self, operator: str) -> float:
        seconds = self._duration(operator)
        if seconds <= 0:
            raise self._fault(self._at, "nothing answers within no time", hint=f"such as {_EXAMPLES[LATENCY]}")
        return seconds

    def _text_value(self, _operator: str) -> str:
        if not self._rest.startswith('"'):
            return self._rest
        value = self._string()
        if self._at < self._end:
            raise self._fault(self._at, "something follows the string in double quotes")
        return value

    def _scalar(self, operator: str) -> Any:
        if self._rest.startswith('"') and operator in EQUALITY:
            return self._text_value(operator)
        value = _json_word(self._rest)
        if operator in EQUALITY:
            return self._rest if value is _NO_SCALAR else value
        if value is _NO_SCALAR or not isinstance(value, int | float) or isinstance(value, bool):
            raise self._fault(self._at, f"{operator} compares numbers, not {self._rest[:40]!r}")
        return value


_NO_SCALAR = object()
_WORDS = {"true": True, "false": False, "null": None}
_VALUES: dict[str, Callable[[Parser, str], Any]] = {
    STATUS: Parser._codes,
    LATENCY: Parser._latency,
    BODY: Parser._text_value,
    JSON: Parser._scalar,
    HEADER: Parser._text_value,
    CERT: Parser._duration,
}


def _json_word(text: str) -> Any:
    """The number, true, false or null that `text` is in JSON, else _NO_SCALAR."""
    import json

    if text in _WORDS:
        return _WORDS[text]
    if text[:1] not in "-0123456789":
        return _NO_SCALAR
    try:
        value = json.loads(text)
    except ValueError:
        return _NO_SCALAR
    is_finite = isinstance(value, int) or value - value == 0       # 1e999 is JSON, and infinite
    return value if is_finite else _NO_SCALAR
