"""Calls: a request to a service that survives the failure of an instance.

    limit -> breaker -> pick an instance -> send -> record -> another instance, under one deadline; then the fallback

    platform.calls.get("orders", "/items")                          an answer, whatever its status
    platform.calls.request("POST", "orders", "/items", body=b"{}", terms=Terms(deadline_s=5.0, is_repeatable=True))

The retry budget is one account of this object, shared by all calls of the process that go through it: processes do
not share it. Breakers and limits are shared by everybody on the store.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from mgov.errors import DeadlineExceeded, Refused, RemoteError, UsageError
from mgov.governance.attempts import Attempts, Ground, Pause, callable_among
from mgov.governance.fallback import keep_good, kept_s, stand_in
from mgov.model import retry
from mgov.model.call import (
    DEFAULT_TERMS,
    Call,
    Called,
    check_call,
    check_terms,
    outgoing,
    target_of,
    to_bytes,
)
from mgov.model.record import NamedTuple
from mgov.net.client import Client
from mgov.net.exchange import NO_TRUST, Request, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Protocol

    from mgov.clock import Clock
    from mgov.governance.attempts import Breakers, Course, Outcome
    from mgov.governance.fallback import Answers
    from mgov.governance.fleet import Member
    from mgov.model.call import Headers, Terms
    from mgov.model.retry import Attempt
    from mgov.net.target import Trust

    class Limits(Protocol):
        """How often may be asked; see `mgov.governance.limits`."""

        def require(self, key: str, *, dry_run: bool = False) -> object: ...

    Pairs = Mapping[str, str] | Sequence[tuple[str, str]]


class Plan(NamedTuple):
    """What a call would do now: who may get it (the first choice first), and what would be sent."""

    call: Call
    request: Request
    members: tuple[Member, ...]


class Calls:
    """Calls services. `members` lists a service's instances without probing them; `new_id` makes a request id.

    `trust_of` gives the TLS options that a service states for itself.
    """

    def __init__(
        self,
        members: Callable[[str], list[Member]],
        clock: Clock,
        draw: Callable[[], float],
        *,
        new_id: Callable[[], str],
        environ: Mapping[str, str],
        trust_of: Callable[[str], Trust | None] | None = None,
        breakers: Breakers | None = None,
        limits: Limits | None = None,
        answers: Answers | None = None,
    ) -> None:
        self._members, self._clock, self._draw = members, clock, draw
        self._new_id, self._environ, self._trust_of = new_id, environ, trust_of
        self._breakers, self._limits, self._answers = breakers, limits, answers
        self._client = Client()
        self._budget = retry.open_account(clock.monotonic())
        self._budget_lock = threading.Lock()

    def get(
        self,
        service: str,
        path: str = "/",
        *,
        query: Pairs = (),
        headers: Pairs = (),
        terms: Terms = DEFAULT_TERMS,
    ) -> Called:
        """GET `path` of a service; see `request`."""
        return self.request("GET", service, path, query=query, headers=headers, terms=terms)

    def request(
        self,
        method: str,
        service: str,
        path: str = "/",
        *,
        query: Pairs = (),
        headers: Pairs = (),
        body: bytes = b"",
        terms: Terms = DEFAULT_TERMS,
        trust: Trust | None = None,
        on_attempt: Callable[[Attempt], None] | None = None,
    ) -> Called:
        """The answer of one of the service's instances, whatever its status, or what stands in for it.

        `path` is sent as it stands, but for what is not ASCII; `query` is quoted. `trust` holds the TLS options of an
        https instance; `on_attempt` is told each attempt as it ends. Raises NotFound for an unknown service, Refused
        when a limit, a breaker or the health of all instances says no, DeadlineExceeded when time ran out, RemoteError
        when no instance answered, UsageError for what cannot be sent.
        """
        call = call_of(method, service, path, query, headers, body)
        return self.send(call, terms, trust=trust, on_attempt=on_attempt)

    def send(
        self,
        call: Call,
        terms: Terms = DEFAULT_TERMS,
        *,
        trust: Trust | None = None,
        on_attempt: Callable[[Attempt], None] | None = None,
    ) -> Called:
        """As `request`, for a call that is a record already."""
        return drive(self.course(call, terms, trust, on_attempt), self._client, self._clock)

    def plan(self, call: Call, terms: Terms = DEFAULT_TERMS, *, trust: Trust | None = None) -> Plan:
        """What `request` would send, and who might get it. Nothing is sent, taken or recorded."""
        check_terms(terms)
        members = callable_among(call.service, self._members(check_call(call).service))
        request, _ = self._request_of(call, terms, self._trust(call, members, trust))
        first = Attempts(self._ground(terms, _nobody), call, terms, members, request, 0.0).first()
        rest = [member for member in members if member is not first]
        instance = first.instance
        aimed = request._replace(scheme=instance.protocol, host=instance.host, port=instance.port)
        return Plan(call, aimed, (first, *rest))

    def refusal(self, service: str, terms: Terms = DEFAULT_TERMS) -> Refused | None:
        """Why the limit or the breaker would refuse a call now, None if not. Nothing is taken or counted."""
        try:
            if self._limits is not None and terms.has_limit:
                self._limits.require(service, dry_run=True)
            if self._breakers is not None and terms.has_breaker:
                self._breakers.admits(service)
        except Refused as error:
            return error
        return None

    def close(self) -> None:
        """Close the connections that were kept."""
        self._client.close()

    def course(
        self, call: Call, terms: Terms, trust: Trust | None, on_attempt: Callable[[Attempt], None] | None
    ) -> Course:
        """The steps of one call, for `drive` or an event loop."""
        check_terms(check_call(call) and terms)
        ends_at = self._clock.monotonic() + terms.deadline_s - terms.spare_s
        deadline_at = ends_at - kept_s(terms)
        seen: list[Attempt] = []

        def note(attempt: Attempt) -> None:
            seen.append(attempt)
            if on_attempt is not None:
                on_attempt(attempt)

        members = self._members(call.service)               # NotFound comes before any fallback
        request, request_id = self._request_of(call, terms, self._trust(call, members, trust))
        called: Called | None = None
        failure: Refused | RemoteError | DeadlineExceeded | None = None
        try:
            able = callable_among(call.service, members)
            if self._limits is not None and terms.has_limit:
                self._limits.require(call.service)
            self._earn()
            called = yield from Attempts(self._ground(terms, note), call, terms, able, request, deadline_at).run()
            called = called._replace(request_id=request_id)
        except (Refused, RemoteError, DeadlineExceeded) as error:
            failure = error
        if called is not None and not called.is_failure:
            if self._answers is not None and terms.stale_if_error_s is not None:
                keep_good(self._answers, call, called, now=self._clock.now())
            return called
        status_code = called.status_code if called is not None else 0
        why = failure.message if failure is not None else f"{call.service} answered HTTP {status_code}"
        instead, missing = yield from stand_in(self._answers, self._clock, call, terms, request, why, ends_at)
        if instead is not None:
            return instead._replace(request_id=request_id, attempts=tuple(seen))
        if called is None:
            assert failure is not None
            if missing:
                failure.extend(missing)
            raise failure
        return called._replace(failure=missing)

    def _trust(self, call: Call, members: Sequence[Member], given: Trust | None) -> Trust:
        is_asked = given is None and any(member.instance.protocol == "https" for member in members)
        found = self._trust_of(call.service) if is_asked and self._trust_of is not None else given
        return found or NO_TRUST

    def _request_of(self, call: Call, terms: Terms, trust: Trust) -> tuple[Request, str]:
        new_id = self._new_id()
        headers = outgoing(call, terms, self._environ, new_id)
        sent = tuple((name.encode(), to_bytes(value)) for name, value in headers)
        request_id = next(value for name, value in headers if name.lower() == "x-request-id")
        return Request(call.method, "", "", 0, call.target, sent, call.body, terms.max_body_bytes, trust), request_id

    def _ground(self, terms: Terms, on_attempt: Callable[[Attempt], None]) -> Ground:
        breakers = self._breakers if terms.has_breaker else None
        return Ground(breakers, self._clock, self._draw, self._pay, on_attempt)

    def _earn(self) -> None:
        with self._budget_lock:
            self._budget = retry.earn(self._budget, self._clock.monotonic())

    def _pay(self) -> bool:
        with self._budget_lock:
            left = retry.spend(self._budget, self._clock.monotonic())
            self._budget = left or self._budget
            return left is not None


def drive(course: Course, client: Client, clock: Clock) -> Called:
    """Carry out the steps of a call, blocking."""
    outcome: Outcome = None
    try:
        while True:
            step = course.send(outcome)
            if isinstance(step, Pause):
                clock.sleep(step.seconds)
                outcome = None
                continue
            try:
                outcome = client.send(step.request, timeout_s=step.timeout_s)
            except Unanswered as unanswered:
                outcome = unanswered
    except StopIteration as done:
        called: Called = done.value
        return called
    finally:
        course.close()                          # an interrupt leaves no permit behind


def call_of(method: str, service: str, path: str, query: Pairs, headers: Pairs, body: bytes) -> Call:
    """The call that these describe; raise UsageError for a body that is not bytes, or a path that cannot be sent."""
    if not isinstance(body, bytes):
        raise UsageError(f"a body is bytes, not {type(body).__name__}")
    return Call(service, method, target_of(path, _pairs(query)), tuple(_pairs(headers)), body)


def _pairs(given: Pairs) -> Headers:
    found: Iterable[Any] = given if not hasattr(given, "items") else given.items()
    return tuple((str(key), _text(key, value)) for key, value in found)


def _text(key: Any, value: Any) -> str:
    """A header's or a query's value: text or a number. A list's or None's looks would be sent in silence."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        what = f"{str(key)[:40]} is text or a number, not {type(value).__name__}"
        raise UsageError(what, hint="a list of pairs may repeat a key")
    return str(value)


def _nobody(_attempt: Attempt) -> None:
    """Nobody listens."""
