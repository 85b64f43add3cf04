"""Whether expectations held: what was measured against what `model.expectation` reads.

- Only the first 64 KiB of a body are ever seen: where more came, `body=` and `json:` are unmet, and `body~` looks at
  what is there.
- A JSON path that leads nowhere is unmet, whatever the operator; numbers compare with numbers only, and true is not 1.
- A header that came several times holds if one of its values does; `!=` and `!~` hold if none is equal or matches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from mgov.model.expectation import BODY, CERT, HEADER, JSON, LATENCY, ORDER, PATTERN, STATUS
from mgov.model.measurement import MAX_BODY_BYTES
from mgov.model.pattern import is_found
from mgov.model.record import NamedTuple
from mgov.model.units import format_age

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgov.model.expectation import Expectation
    from mgov.model.measurement import Measurement

_SHOWN_CHARS = 80
_SHOWN_HEADERS = 3
_TOO_LONG = f"more than {MAX_BODY_BYTES // 1024} KiB of body"


class Verdict(NamedTuple):
    """Whether one expectation held: its text as it was written, and what was there. `observed` is foreign text."""

    text: str
    observed: str
    is_met: bool
    is_soft: bool


def judge(expectations: Sequence[Expectation], seen: Measurement, *, at: float) -> tuple[Verdict, ...]:
    """A verdict on each of `expectations`, in their order; `at` is when it was seen, in seconds since the epoch.

    Never raises: what did not come, or cannot be read, is an unmet expectation whose `observed` says so.
    """
    answer = _Answer(seen, at)
    return tuple(_verdict(expectation, answer) for expectation in expectations)


def certificate_age(left_s: float) -> str:
    """How long a certificate still holds, in words: `left_s` seconds, negative once it has expired."""
    return f"expires in {format_age(left_s)}" if left_s > 0 else f"expired {format_age(-left_s)} ago"


class _Answer:
    """What came back; the body is read as it is needed, and then once."""

    def __init__(self, seen: Measurement, at: float) -> None:
        self.seen = seen
        self.at = at
        self.missing = (seen.detail or seen.error) if seen.error else ""    # why there is no whole answer
        self._text: str | None = None
        self._document: tuple[Any, str] | None = None

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = self.seen.body.decode("utf-8", "replace")
        return self._text

    @property
    def document(self) -> tuple[Any, str]:
        """(the body as JSON, '') or (None, why it is none)."""
        if self._document is None:
            self._document = _read_json(self.seen)
        return self._document


def _verdict(expectation: Expectation, answer: _Answer) -> Verdict:
    observed, is_met = _JUDGES[expectation.subject](expectation, answer)
    is_soft = expectation.is_soft or (expectation.is_implied and answer.seen.status_code == 429)
    return Verdict(expectation.text, observed, is_met, is_soft)


def _status(expectation: Expectation, answer: _Answer) -> tuple[str, bool]:
    seen = answer.seen
    code = seen.status_code
    if code is None:
        return answer.missing or "no HTTP status", False
    observed = f"{code} {seen.reason_phrase}".rstrip()
    if seen.location and 300 <= code < 400:
        observed += f", a redirect to {seen.location} (not followed)"
    if expectation.operator in ORDER:
        return observed, _COMPARE[expectation.operator](code, expectation.value)
    is_listed = any(low <= code <= high for low, high in expectation.value)
    return observed, is_listed == (expectation.operator == "=")


def _latency(expectation: Expectation, answer: _Answer) -> tuple[str, bool]:
    total_ms = answer.seen.total_ms
    if answer.missing or total_ms is None:
        return answer.missing or "no answer", False
    holds = _COMPARE["<=" if expectation.operator == "=" else expectation.operator]
    limit_ms = expectation.value * 1000
    is_met = holds(total_ms, limit_ms)
    # So many digits that what is shown does not deny the verdict: 200.04 ms, not 200.0, where 200 ms were allowed.
    digits = next((d for d in (1, 2, 3) if holds(round(total_ms, d), limit_ms) == is_met), 6)
    return f"{total_ms:.{digits}f} ms", is_met


def _certificate(expectation: Expectation, answer: _Answer) -> tuple[str, bool]:
    expires_at = answer.seen.cert_expires_at
    if expires_at is None:
        return answer.missing or "no certificate that can be read", False
    left_s = expires_at - answer.at
    operator = ">=" if expectation.operator == "=" else expectation.operator
    return certificate_age(left_s), _COMPARE[operator](left_s, expectation.value)


def _header(expectation: Expectation, answer: _Answer) -> tuple[str, bool]:
    if answer.seen.status_code is None:
        return answer.missing or "no headers", False
    values = [value for name, value in answer.seen.headers if name == expectation.name]
    observed = ", ".join(_quoted(value) for value in values[:_SHOWN_HEADERS]) or "no such header"
    if expectation.operator in PATTERN:
        return observed, any(is_found(expectation.value, value) for value in values) == (expectation.operator == "~")
    return observed, (expectation.value in values) == (expectation.operator == "=")


def _body(expectation: Expectation, answer: _Answer) -> tuple[str, bool]:
    if answer.missing:
        return answer.missing, False
    observed = _quoted(answer.text) if answer.text.strip() else "an empty body"
    if expectation.operator in PATTERN:
        return observed, is_found(expectation.value, answer.text) == (expectation.operator == "~")
    if answer.seen.is_body_cut:
        return _TOO_LONG, False
    return observed, (answer.text.strip() == expectation.value.strip()) == (expectation.operator == "=")


def _json(expectation: Expectation, answer: _Answer) -> tuple[str, bool]:
    if answer.missing:
        return answer.missing, False
    value, problem = answer.document
    if problem:
        return problem, False
    for step in expectation.name:
        is_in_object = isinstance(step, str) and isinstance(value, dict) and step in value
        is_in_list = isinstance(step, int) and isinstance(value, list) and step < len(value)
        if not (is_in_object or is_in_list):
            return "nothing at that path", False
        value = value[step]
    return _json_words(value), _holds(expectation.operator, value, expectation.value)


def _holds(operator: str, value: Any, wanted: Any) -> bool:
    if operator in ORDER:
        return _is_number(value) and _COMPARE[operator](value, wanted)
    if operator in PATTERN:
        return isinstance(value, str) and is_found(wanted, value) == (operator == "~")
    is_same_kind = type(value) is type(wanted) or (_is_number(value) and _is_number(wanted))
    return (is_same_kind and bool(value == wanted)) == (operator == "=")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_json(seen: Measurement) -> tuple[Any, str]:
    import json

    if seen.is_body_cut:
        return None, _TOO_LONG
    if not seen.body.strip():
        return None, "an empty body"
    try:
        return json.loads(seen.body.decode("utf-8"), parse_constant=_refuse_constant), ""
    except RecursionError:
        return None, "JSON that is nested too deeply"
    except ValueError:                  # malformed, NaN, not UTF-8, or a number of thousands of digits
        return None, f"no JSON: {_quoted(seen.body.decode('utf-8', 'replace'))}"


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON (RFC 8259 section 6)")


def _json_words(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object of {len(value)} keys"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)[:_SHOWN_CHARS]


def _quoted(text: str) -> str:
    """Foreign text, shortened, and as Unicode that can be written out: JSON may hold half of a surrogate pair."""
    whole = text.strip()
    shown = whole[:_SHOWN_CHARS].encode("utf-8", "replace").decode()
    return f'"{shown}…"' if len(whole) > _SHOWN_CHARS else f'"{shown}"'


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}
_JUDGES: dict[str, Callable[[Expectation, _Answer], tuple[str, bool]]] = {
    STATUS: _status,
    LATENCY: _latency,
    BODY: _body,
    JSON: _json,
    HEADER: _header,
    CERT: _certificate,
}
