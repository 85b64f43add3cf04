"""The last good answer of a service, kept to stand in for a failure (RFC 5861, stale-if-error).

Only a GET whose caller asked for it is kept, and only what its server did not forbid to store. It is found again by
service, target and the caller's own headers: what was told to one bearer of a token is not told to another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.call import FROM_LAST_GOOD, Called

if TYPE_CHECKING:
    from typing import Any, Protocol

    from mgov.model.call import Call

    class Answers(Protocol):
        """Where answers are kept; see `mgov.store.answers`."""

        def keep(self, mark: str, fields: dict[str, Any], body: bytes) -> None: ...
        def find(self, mark: str) -> tuple[dict[str, Any], bytes] | None: ...


_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "set-cookie"})
_EACH_ITS_OWN = frozenset({"x-request-id", "traceparent", "tracestate"})


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


def _mark(call: Call) -> str:
    from hashlib import sha256

    own = sorted((name.lower(), value) for name, value in call.headers if name.lower() not in _EACH_ITS_OWN)
    return sha256(repr((call.service, call.target, own)).encode("utf-8", "surrogateescape")).hexdigest()
