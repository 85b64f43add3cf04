"""Expectations: what must hold of a probe's answer, as a person writes it.

    status=2xx   status=200,204   status<300           latency=200ms (at most)   latency<200ms
    body~READY   body!~error      body="all well"      header:Content-Type~json  header:X-Env=prod
    json:.a.b=="up"   json:.items[0].n>=3   json:.["odd.key"]!=null              cert=14d (at least)   cert>14d

One text is [`soft:`] SUBJECT OPERATOR VALUE [`?`]. All must hold; an unmet soft one makes the target degraded rather
than unhealthy. Soft is said before it (`soft:latency=200ms`) or behind it (`latency=200ms?`). A value that itself ends
in `?` is put in double quotes (a JSON string); a regular expression ends in `\\?`, `(ab?)` or `ab{0,1}` instead, or
has `soft:` before it, behind which a last `?` is part of the value.

- `=` and `==` are one. `latency` and `cert` (the time left to the certificate) take durations.
- `body=` compares the whole body without the white space around it.
- A JSON value behind an operator is a number, true, false, null or a string; what is none of these is taken as a
  string, so that a shell may eat the quotes.
- Regular expressions are those of `model.pattern`, and match anywhere in the text unless anchored.
- An http or https check without a status expectation has `status=2xx`, for which 429 is only degraded (the target
  lives, and asks for less); a tls check without one on its certificate has `cert>0s`.

What the answer is held against is in `model.verdict`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.model.health import COMMAND, GRPC, GRPCS, HTTP, HTTPS, TCP, TLS
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

STATUS, LATENCY, BODY, JSON, HEADER, CERT = "status", "latency", "body", "json", "header", "cert"
EQUALITY, ORDER, PATTERN = ("=", "!="), ("<", "<=", ">", ">="), ("~", "!~")
_OF_KIND: dict[str, tuple[str, ...]] = {
    HTTP: (STATUS, LATENCY, BODY, JSON, HEADER),
    HTTPS: (STATUS, LATENCY, BODY, JSON, HEADER, CERT),
    TCP: (LATENCY,),
    TLS: (LATENCY, CERT),
    GRPC: (LATENCY,),
    GRPCS: (LATENCY, CERT),
    COMMAND: (LATENCY,),
}


class Expectation(NamedTuple):
    """One expectation. `text` is as it was written; `operator` is one of = != < <= > >= ~ !~.

    `name` is the lower-cased header, the JSON path as a tuple of keys and indexes, or ''. `value` is by subject:
    (lowest, highest) pairs or one int (status), seconds (latency, cert), text or a pattern (body, header), a JSON
    scalar or a pattern (json). `is_implied` marks what holds although nobody wrote it.
    """

    text: str
    subject: str
    name: Any
    operator: str
    value: Any
    is_soft: bool = False
    is_implied: bool = False


class Needs(NamedTuple):
    """What a probe must keep for the judgement."""

    body: bool
    headers: bool
    certificate: bool


def parse_expectation(text: str) -> Expectation:
    """The expectation that `text` writes; raise UsageError with the column (from 1) of what is wrong with it."""
    from mgov.model.expectation_text import Parser

    return Parser(text).parse()


def sees(kind: str, expectation: Expectation) -> bool:
    """Whether a check of `kind` ever sees what `expectation` speaks of."""
    return expectation.subject in _OF_KIND.get(kind, ())


@lru_cache(maxsize=1024)
def expectations_of(kind: str, texts: tuple[str, ...] = ()) -> tuple[Expectation, ...]:
    """What a check of `kind` with the expectations `texts` holds its target to; what is implied comes first.

    Raises UsageError for a text that is wrong, or that speaks of what such a check never sees. Pure, and remembered:
    most checks of a sweep expect the same.
    """
    subjects = _OF_KIND.get(kind, ())
    given = [parse_expectation(text) for text in texts]
    for expectation in given:
        if not sees(kind, expectation):
            raise UsageError(
                f"expectation {expectation.text[:80]!r}: a {kind} check sees no {expectation.subject}",
                hint=f"it sees {', '.join(subjects)}" if subjects else f"a {kind} check takes no expectations",
            )
    return (*_implied(kind, {expectation.subject for expectation in given}), *given)


def needs(expectations: Iterable[Expectation]) -> Needs:
    """Which of body, headers and certificate must be kept to judge `expectations`."""
    subjects = {expectation.subject for expectation in expectations}
    return Needs(BODY in subjects or JSON in subjects, HEADER in subjects, CERT in subjects)


def _implied(kind: str, subjects: set[str]) -> tuple[Expectation, ...]:
    if kind in (HTTP, HTTPS) and STATUS not in subjects:
        return (Expectation("status=2xx", STATUS, "", "=", ((200, 299),), is_implied=True),)
    if kind == TLS and CERT not in subjects:
        return (Expectation("cert>0s", CERT, "", ">", 0.0, is_implied=True),)
    return ()
