"""One call's attempts: pick an instance, send, record, and again elsewhere. It says what to do, and does no waiting.

Each attempt is told to its instance's breaker, and the outcome to the service's. But a failure that says nothing of the
service is not: one beside an instance that was not tried and serves. Else calls that may not be repeated, and fail at
one instance at once, would stop all calls to the others.

`Course` is a generator of steps: its driver carries out each Send and Pause, blocking or awaited, and hands back what
came. So both kinds of program follow one set of rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import DeadlineExceeded, NoneHealthy, Refused, RemoteError, UsageError
from mgov.governance.telling import tell
from mgov.model import retry
from mgov.model.balance import Candidate, pick
from mgov.model.call import Called, tier
from mgov.model.measurement import TIMEOUT
from mgov.model.names import DEFAULT_PORTS
from mgov.model.record import NamedTuple
from mgov.model.retry import Attempt
from mgov.model.units import format_duration
from mgov.net.exchange import Request, Response, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Sequence
    from typing import Protocol

    from mgov.clock import Clock
    from mgov.governance.fleet import Member
    from mgov.governance.telling import Permit
    from mgov.model.call import Call, Terms

    Step = "Send | Pause"
    Outcome = Response | Unanswered | None
    Course = Generator["Send | Pause", Outcome, Called]
    Tried = tuple[Attempt, Response | None]

    class Breakers(Protocol):
        """Who may be asked; see `mgov.governance.breakers`."""

        def permit(
            self, service: str, instance: str | None = None, *, among: Collection[str] | None = None, hold_s: float
        ) -> Permit: ...
        def admits(self, service: str) -> bool: ...
        def state(self, service: str, instance: str) -> str: ...
        def is_serving(self, service: str, instance: str) -> bool: ...
        def guard_instances(self, service: str, instances: Sequence[str]) -> Collection[str]: ...


STRATEGY = "random"                             # it keeps no memory, so that a call writes nothing to pick
SPARE_S = 1.0                                   # beyond the deadline a probe keeps its place, until it has reported


class Send(NamedTuple):
    """Send this; hand back the Response, or the Unanswered."""

    request: Request
    timeout_s: float


class Pause(NamedTuple):
    """Wait; hand back None."""

    seconds: float


class Ground(NamedTuple):
    """What attempts stand on: who keeps the breakers (None: nobody), the time, chance, and the retries left.

    `pay` takes one retry of what was sent off the budget, and says False when there is none.
    """

    breakers: Breakers | None
    clock: Clock
    draw: Callable[[], float]
    pay: Callable[[], bool]
    on_attempt: Callable[[Attempt], None]


class Attempts:
    """The attempts of one call on `members`. `headers` are those of every attempt; `deadline_at` is monotonic."""

    def __init__(
        self, ground: Ground, call: Call, terms: Terms, members: Sequence[Member], request: Request, deadline_at: float
    ) -> None:
        self._ground, self._call, self._terms = ground, call, terms
        self._members = members
        self._request = request
        self._deadline_at = deadline_at
        self._hold_s = terms.deadline_s + SPARE_S
        self._tried: list[str] = []
        self._ready_at: dict[str, float] = {}   # id -> when its Retry-After is over (monotonic)
        self._is_cut_short = False              # whether the deadline left the last attempt less than its timeout
        self.done: list[Attempt] = []

    def first(self) -> Member:
        """Whom the first attempt would go to, as far as that can be told without asking for leave."""
        return self._best(self._left())

    def run(self) -> Course:
        """Attempt until one succeeds or none is left; the answer, whatever its status.

        Raises RemoteError when none came, DeadlineExceeded when time ran out, Refused when no instance may be asked.
        """
        breakers = self._ground.breakers
        permit = breakers.permit(self._call.service, hold_s=self._hold_s) if breakers is not None else None
        try:
            attempt, response = yield from self._until_settled()
            is_instances = retry.has_failed(attempt) and self._serves_elsewhere()
        except BaseException:                   # GeneratorExit too: who gives up frees the place
            tell(permit, None)
            raise
        if permit is not None and is_instances:
            permit.ignore()
        else:
            tell(permit, attempt)
        if response is None:
            raise self._unanswered(attempt)
        return Called(
            self._call.service, response.status_code, text_of(response.reason),
            texts_of(response.headers), response.body,
            attempt.instance, attempt.url, latency_ms=response.latency_ms, attempts=tuple(self.done),
            is_cut=response.is_cut,
        )  # fmt: skip

    def _until_settled(self) -> Generator[Send | Pause, Outcome, Tried]:
        clock = self._ground.clock
        tried: Tried | None = None
        while True:
            try:
                member, permit = self._choose()
            except Refused:
                if tried is None:
                    raise
                return tried                    # every other one refuses: what the last one said stands
            timeout_s = retry.time_for(self._terms.timeout_s, now=clock.monotonic(), deadline_at=self._deadline_at)
            if timeout_s <= 0:
                tell(permit, None)
                if tried is None:
                    raise DeadlineExceeded(f"no time was left to call {self._call.service}")
                return tried
            self._is_cut_short = timeout_s < self._terms.timeout_s
            tried = yield from self._attempt(member, permit, timeout_s)
            pause_s = self._pause_s(tried[0])
            if pause_s is None:
                return tried
            yield Pause(pause_s)

    def _attempt(
        self, member: Member, permit: Permit | None, timeout_s: float
    ) -> Generator[Send | Pause, Outcome, Tried]:
        instance = member.instance
        scheme = instance.protocol
        request = self._request._replace(
            scheme=scheme, host=instance.host, port=instance.port or DEFAULT_PORTS.get(scheme, 0)
        )
        self._tried.append(instance.id)
        breakers = self._ground.breakers
        state = breakers.state(self._call.service, instance.id) if breakers is not None else ""
        attempt = Attempt(len(self._tried), instance.id, instance.url, breaker=state)
        try:
            outcome = yield Send(request, timeout_s)
        except BaseException:
            tell(permit, None)
            raise
        response = outcome if isinstance(outcome, Response) else None
        attempt = self._seen(attempt, outcome)
        tell(permit, attempt)
        if attempt.retry_after_s is not None:
            self._ready_at[instance.id] = self._ground.clock.monotonic() + attempt.retry_after_s
        self.done.append(attempt)
        self._ground.on_attempt(attempt)
        return attempt, response

    def _seen(self, attempt: Attempt, outcome: Outcome) -> Attempt:
        if isinstance(outcome, Response):
            after = next((value for name, value in outcome.headers if name.lower() == b"retry-after"), None)
            return attempt._replace(
                status_code=outcome.status_code, latency_ms=outcome.latency_ms,
                retry_after_s=retry.parse_retry_after(text_of(after), now=self._ground.clock.now()) if after else None,
            )  # fmt: skip
        assert isinstance(outcome, Unanswered)
        return attempt._replace(
            error=outcome.code, detail=outcome.detail, was_sent=outcome.was_sent, latency_ms=outcome.latency_ms
        )

    def _pause_s(self, attempt: Attempt) -> float | None:
        """Seconds before the next attempt, or None when this was the last."""
        ground, terms = self._ground, self._terms
        if len(self._tried) > terms.retry_count or not retry.is_passing(attempt):
            return None
        if not retry.may_repeat(attempt, self._call.method, is_repeatable=terms.is_repeatable):
            return None
        pause_s = retry.pause_s(len(self._tried), ground.draw(), wait_s=self._wait_s())
        if ground.clock.monotonic() + pause_s >= self._deadline_at or (attempt.was_sent and not ground.pay()):
            return None
        return pause_s

    def _wait_s(self) -> float:
        """Seconds until the first of those whose turn it is may be asked again: a Retry-After binds us to its giver."""
        members = self._left()
        least = min(self._tried.count(member.instance.id) for member in members)
        return min(self._bound_s(m.instance.id) for m in members if self._tried.count(m.instance.id) == least)

    def _bound_s(self, instance: str) -> float:
        return max(0.0, self._ready_at.get(instance, 0.0) - self._ground.clock.monotonic())

    def _left(self) -> list[Member]:
        """The members whose breakers let calls out; all of them where none would be left."""
        breakers = self._ground.breakers
        if breakers is None:
            return list(self._members)
        ejected = breakers.guard_instances(self._call.service, [member.instance.id for member in self._members])
        return [member for member in self._members if member.instance.id not in ejected] or list(self._members)

    def _serves_elsewhere(self) -> bool:
        """Whether an instance that might have been tried instead serves."""
        breakers, service = self._ground.breakers, self._call.service
        ids = [member.instance.id for member in self._left() if member.instance.id not in self._tried]
        return breakers is not None and any(breakers.is_serving(service, id) for id in ids)

    def _choose(self) -> tuple[Member, Permit | None]:
        """An instance not tried yet, the best tier first, whose breaker lets us; else one that was tried before."""
        breakers = self._ground.breakers
        service = self._call.service
        ids = [member.instance.id for member in self._members]
        refusal: Refused | None = None
        left = self._left()
        while left:
            member = self._best(left)
            left.remove(member)
            if breakers is None:
                return member, None
            try:
                return member, breakers.permit(service, member.instance.id, among=ids, hold_s=self._hold_s)
            except Refused as error:
                refusal = error
        raise refusal or NoneHealthy(f"no instance of {service} may be called", hint=f"mgov health {service}")

    def _best(self, members: Sequence[Member]) -> Member:
        def rank(member: Member) -> tuple[int, bool, int]:
            health, id = member.health, member.instance.id
            return self._tried.count(id), self._bound_s(id) > 0, tier(health.status, is_stale=health.stale) or 0

        first = min(rank(member) for member in members)
        equal = {member.instance.id: member for member in members if rank(member) == first}
        if len(equal) == 1:
            return next(iter(equal.values()))
        candidates = [
            Candidate(key, m.instance.weight, m.health.latency_ms, m.instance.zone) for key, m in equal.items()
        ]
        chosen, _ = pick(STRATEGY, candidates, memory={}, draw=self._ground.draw(), zone=self._terms.zone)
        return equal[chosen.id]

    def _unanswered(self, last: Attempt) -> RemoteError | DeadlineExceeded:
        count = len(self.done)
        many = f", the last of {count} attempts" if count > 1 else ""
        service = self._call.service
        what = f"{last.instance}: {last.words}{many}"
        if last.error == TIMEOUT and self._is_cut_short:
            return DeadlineExceeded(
                f"{service} did not answer within {format_duration(self._terms.deadline_s)} ({what})",
                hint=f"mgov health {service}",
            )
        return RemoteError(f"{service} could not be called ({what})", hint=f"mgov health {service}")


def callable_among(service: str, members: Sequence[Member]) -> list[Member]:
    """The members that a call may go to; raise NoneHealthy with each one's reason, UsageError when none speaks HTTP."""
    addressed = [member for member in members if member.instance.host]
    speaking = [member for member in addressed if member.instance.protocol in DEFAULT_PORTS]
    if addressed and not speaking:
        raise UsageError(f"{service} speaks {addressed[0].instance.protocol}: a call speaks http and https")
    found = [m for m in speaking if tier(m.health.status, is_stale=m.health.stale) is not None]
    if not found:
        from mgov.governance.discovery import why_none

        hint = f"mgov health {service}" if members else f"mgov register {service} URL"
        raise NoneHealthy(why_none(service, members, members), hint=hint)
    return [m for m in found if m.instance.weight > 0] or found


def text_of(data: bytes) -> str:
    """Bytes of a head as text, one character each."""
    return data.decode("latin-1")


def texts_of(headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Headers as text."""
    return tuple((text_of(name), text_of(value)) for name, value in headers)
