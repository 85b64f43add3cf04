"""What stands in for a failure: the last good answer of a service (RFC 5861, stale-if-error), a URL's, or given bytes.

Of answers only a GET's whose caller asked for it is kept, and only what its server did not forbid to store. It is
found again by service, target and the caller's own headers: what was told to one bearer of a token is not told to
another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.governance.attempts import Send, text_of, texts_of
from mgov.model.call import FROM_FILE, FROM_LAST_GOOD, FROM_URL, Called
from mgov.model.names import split_url
from mgov.model.retry import time_for
from mgov.net.exchange import Request, Response

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any, Protocol

    from mgov.clock import Clock
    from mgov.governance.attempts import Outcome, Pause
    from mgov.model.call import Call, Terms

    class Answers(Protocol):
        """Where answers are kept; see `mgov.store.answers`."""

        def keep(self, mark: str, fields: dict[str, Any], body: bytes) -> None: ...
        def find(self, mark: str) -> tuple[dict[str, Any], bytes] | None: ...


URL_SHARE = 0.25                                # of the deadline, kept for the URL that may have to stand in
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "set-cookie"})
_EACH_ITS_OWN = frozenset({"x-request-id", "traceparent", "tracestate"})


def kept_s(terms: Terms) -> float:
    """Seconds of the deadline that no attempt may take, so that the fallback's URL can still be asked."""
    whole_s = terms.deadline_s - terms.spare_s
    return min(terms.timeout_s, URL_SHARE * whole_s) if terms.fallback_url else 0.0


def stand_in(
    answers: Answers | None, clock: Clock, call: Call, terms: Terms, request: Request, why: str, ends_at: float
) -> Generator[Send | Pause, Outcome, tuple[Called | None, str]]:
    """What stands in for `call`, which failed as `why` says: the last good answer, then a URL's, then a body.

    None where nothing does; and why the URL did not, '' where none was asked. `request` is what was sent, `ends_at`
    (monotonic) when time is over.
    """
    if answers is not None and terms.stale_if_error_s is not None:
        found = last_good(answers, call, now=clock.now(), max_age_s=terms.stale_if_error_s)
        if found is not None:
            return found._replace(failure=why), ""
    missing = ""
    if terms.fallback_url:
        timeout_s = time_for(terms.timeout_s, now=clock.monotonic(), deadline_at=ends_at)
        outcome: Outcome = (yield Send(_spare(terms, request), timeout_s)) if timeout_s > 0 else None
        if isinstance(outcome, Response) and 200 <= outcome.status_code < 300:
            return _from_url(call, terms, outcome)._replace(failure=why), ""
        missing = f"{terms.fallback_url} does not stand in: {_words(outcome)}"
    if terms.fallback_body is not None:
        failure = f"{why}; {missing}" if missing else why
        return Called(call.service, 200, body=terms.fallback_body, source=FROM_FILE, failure=failure), missing
    return None, missing


def keep_good(answers: Answers, call: Call, called: Called, *, now: float) -> None:
    """Keep `called` as the last good answer to `call`, if it may be."""
    if call.method != "GET" or called.status_code != 200 or called.is_cut:
        return
    if any(word.strip().lower() == "no-store" for word in called.header("cache-control").split(",")):
        return
    headers = [[name, value] for name, value in called.headers if name.lower() not in _HOP_BY_HOP]
    fields = {"at": now, "reason": called.reason, "headers": headers, "instance": called.instance, "url": called.url}
    answers.keep(_mark(call), fields, called.body)


def last_good(answers: Answers, call: Call, *, now: float, max_age_s: float) -> Called | None:
    """The answer that was kept for `call` at most `max_age_s` ago, or None."""
    if call.method != "GET":
        return None
    found = answers.find(_mark(call))
    if found is None:
        return None
    fields, body = found
    age_s = max(0.0, now - fields["at"])
    if age_s > max_age_s:
        return None
    headers = tuple((name, value) for name, value in fields["headers"])
    return Called(call.service, 200, fields["reason"], headers, body, fields["instance"], fields["url"],
                  source=FROM_LAST_GOOD, age_s=age_s)


def _spare(terms: Terms, request: Request) -> Request:
    """The request to the fallback's URL.

    It has neither the caller's headers nor their certificate: what is meant for one host is another's to misuse.
    """
    scheme, host, port, path = split_url(terms.fallback_url)
    trust = request.trust._replace(cert_file="", key_file="")
    headers = ((b"Accept", b"*/*"),)
    return Request("GET", scheme, host, port, path or "/", headers, b"", terms.max_body_bytes, trust)


def _from_url(call: Call, terms: Terms, answer: Response) -> Called:
    return Called(
        call.service, answer.status_code, text_of(answer.reason), texts_of(answer.headers), answer.body, "",
        terms.fallback_url, latency_ms=answer.latency_ms, is_cut=answer.is_cut, source=FROM_URL,
    )  # fmt: skip


def _words(outcome: Outcome) -> str:
    """Why what came from the URL is no answer."""
    if outcome is None:
        return "no time was left"
    return f"HTTP {outcome.status_code}" if isinstance(outcome, Response) else outcome.detail


def _mark(call: Call) -> str:
    from hashlib import sha256

    own = sorted((name.lower(), value) for name, value in call.headers if name.lower() not in _EACH_ITS_OWN)
    return sha256(repr((call.service, call.target, own)).encode("utf-8", "surrogateescape")).hexdigest()
