"""Breakers with their windows in this process's memory, for programs that make many calls.

While a breaker is closed, asking and reporting touch memory only. What was seen is told to the store as a delta, at
most every second and at once when it would open the breaker; the store merges what all processes saw and decides. So
do probes: who may send one is always the store's word. When the store cannot be written, the process goes on with
what it knows, by the same rules, says so once, and tells the store later.

Nothing runs in the background: a process that stops calling tells the rest at its next call, or at `flush`.
"""

from __future__ import annotations

from os import getpid
from typing import TYPE_CHECKING, Any, TypeVar

from mgov.governance.breaker_store import refusal
from mgov.governance.breaker_sync import NEVER
from mgov.governance.permits import Permit, permit_in_thread
from mgov.model import breaker as rules
from mgov.model.breaker import CANCELLED, CLOSED, FAILURE, HOLD_S, IGNORED, SUCCESS, Answer, Breaker
from mgov.model.breaker_document import BreakerSet, Delta, ask, is_serving, with_breaker
from mgov.model.breaker_window import add_bucket, live_buckets, opening, slot_of, totals, width_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import TracebackType

    from mgov.governance.breaker_sync import LocalDocument

F = TypeVar("F", bound="Callable[..., Any]")


class LocalBreaker:
    """One breaker in this process: `permit`, `guard` for a block, or as a decorator. Threads and tasks may share it."""

    def __init__(self, shared: LocalDocument, instance: str) -> None:
        self._shared, self._instance = shared, instance
        self._monotonic = shared.clock.monotonic
        self._lock = shared.lock
        self._finish_bound = self._finish
        # The quick lane: closed, asked lately, and in the bucket that `_passed` counts for.
        self._generation = -1
        self._lane_until = self._bucket_until = NEVER
        self._quick_s = 0.0
        self._passed = 0
        self._last_passed_at = 0.0
        self._slot = 0
        self._delta = Delta(-1)
        self._pid = getpid()
        with self._lock:
            self.adopt()

    def permit(self, hold_s: float = HOLD_S, among: Collection[str] | None = None) -> Permit:
        """Leave for one call, or BreakerOpen; report what became of it. As `Breakers.permit`."""
        at = self._monotonic()
        if at < self._lane_until:
            return Permit(self._finish_bound, at, self._generation)
        return self._ask(at, hold_s, among)

    def guard(self, *ignored: type[BaseException]) -> Guard:
        """A block (`with` or `async with`) around one call; exceptions of the types `ignored` say nothing."""
        return Guard(self, ignored)

    def __call__(self, function: F) -> F:
        """Decorate a function, or a coroutine function: each call of it is a call through this breaker."""
        from functools import wraps
        from inspect import iscoroutinefunction

        wrapper: Any
        if iscoroutinefunction(function):

            @wraps(function)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                async with self.guard():
                    return await function(*args, **kwargs)

        else:

            @wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                with self.permit():
                    return function(*args, **kwargs)

        return wrapper  # type: ignore[no-any-return]

    @property
    def breaker(self) -> Breaker:
        """What the store last said of it."""
        return self._shared.known.get(self._instance)

    @property
    def is_serving(self) -> bool:
        """Whether calls go well, and have lately, as far as this process knows."""
        shared = self._shared
        with self._lock:
            self._drain()
            return is_serving(self.breaker, shared.policy, self._delta, shared.clock.now())

    # -- the quick lane

    def permit_quickly(self) -> Permit | None:
        """A permit, if it can be given without a word with the store."""
        at = self._monotonic()
        return Permit(self._finish_bound, at, self._generation) if at < self._lane_until else None

    def passes_quickly(self, permit: Permit) -> bool:
        """Report a success if that needs no word with the store; False where nothing was reported."""
        end = self._monotonic()
        if end >= self._bucket_until or end - permit.at > self._quick_s or permit.serial:
            return False
        permit.success(end - permit.at)
        return True

    def _finish(self, permit: Permit, outcome: str, kind: str, latency_s: float | None) -> None:
        if latency_s is None:
            latency_s = self._monotonic() - permit.at
        end = permit.at + latency_s
        if outcome is SUCCESS and end < self._bucket_until and latency_s <= self._quick_s and not permit.serial:
            with self._lock:
                if permit.generation == self._generation:
                    self._passed += 1
                    self._last_passed_at = end
            return
        self._report(permit, outcome, kind, latency_s)

    # -- the rest

    def _report(self, permit: Permit, outcome: str, kind: str, latency_s: float) -> None:
        shared = self._shared
        if permit.serial:
            shared.change(lambda known, now: self._probed(known, now, permit, outcome, kind, latency_s))
            return
        with self._lock:
            if outcome == CANCELLED or permit.generation != self._generation:
                return
            is_due = self._count(outcome, kind, latency_s)
        if is_due:
            shared.sync()
        else:
            shared.sync_if_due(self._monotonic())

    def _probed(
        self, known: BreakerSet, now: float, permit: Permit, outcome: str, kind: str, latency_s: float
    ) -> BreakerSet:
        shared = self._shared
        after = rules.report(
            known.get(self._instance), shared.policy, outcome, now, generation=permit.generation,
            serial=permit.serial, kind=kind, latency_s=latency_s, draw=shared.draw(),
        )  # fmt: skip
        return with_breaker(known, self._instance, after, now)

    def _ask(self, at: float, hold_s: float, among: Collection[str] | None) -> Permit:
        shared = self._shared
        shared.sync_if_due(at)
        now = shared.clock.now()
        settled = rules.settle(self.breaker, now)
        answer = rules.look(settled, now) if settled == self.breaker else None
        chosen = shared.chosen(among) if self._instance and answer != rules.GRANTED else ()
        if answer is None:
            answer = self._ask_store(hold_s, chosen)
        elif not answer.is_granted:
            answer = ask(shared.known, self._instance, shared.policy, now, hold_s, chosen)[1]
            if not answer.is_granted:
                with self._lock:
                    self._delta = self._delta._replace(total=self._delta.total + 1, rejected=self._delta.rejected + 1)
        if not answer.is_granted:
            raise refusal(shared.service, self._instance, answer)
        return Permit(self._finish_bound, at, self.breaker.generation, answer.serial)

    def _ask_store(self, hold_s: float, chosen: Collection[str]) -> Answer:
        answers: list[Answer] = []

        def change(known: BreakerSet, now: float) -> BreakerSet:
            after, answer = ask(known, self._instance, self._shared.policy, now, hold_s, chosen)
            answers.append(answer)
            return after

        self._shared.change(change)
        return answers[-1]

    # -- counting, under the lock

    @property
    def has_news(self) -> bool:
        """Whether anything was counted that the store was not told."""
        return bool(self._passed or self._delta.total)

    def take(self) -> Delta | None:
        """What was counted since the last time, None for nothing."""
        self._drain()
        taken, self._delta = self._delta, Delta(self._generation)
        return taken if taken.total else None

    def adopt(self) -> None:
        """Go by what the store says now."""
        self._drain()
        shared = self._shared
        breaker = self.breaker
        if breaker.generation != self._generation and self._delta.total:
            shared.owe(self._instance, self._delta)
            self._delta = Delta(breaker.generation)
        if not self._delta.total:
            self._delta = Delta(breaker.generation)
        self._generation = breaker.generation
        is_open_lane = breaker.state == CLOSED and not breaker.forced
        self._lane_until = shared.due_at if is_open_lane else NEVER
        self._quick_s = shared.policy.slow_call_s or float("inf")
        self._start_bucket()

    def _start_bucket(self) -> None:
        shared = self._shared
        now = shared.clock.now()
        shared.offset_s = now - self._monotonic()       # the wall clock may have jumped
        self._slot = slot_of(now, shared.policy)
        edge = (self._slot + 1) * width_of(shared.policy) - shared.offset_s
        self._bucket_until = min(edge, self._lane_until)

    def _drain(self) -> None:
        if self._pid != getpid():                       # what was counted before a fork is the parent's to tell
            self._pid, self._passed, self._delta = getpid(), 0, Delta(self._generation)
        if self._passed:
            passed, self._passed = self._passed, 0
            self._delta = self._delta._replace(
                total=self._delta.total + passed,
                successful=self._delta.successful + passed,
                failures=0,
                has_success=True,
                buckets=add_bucket(self._delta.buckets, (self._slot, passed, 0, 0)),
                last_success_at=self._last_passed_at + self._shared.offset_s,
            )

    def _count(self, outcome: str, kind: str, latency_s: float) -> bool:
        """Count an outcome of now; whether it would open the breaker."""
        self._drain()
        self._start_bucket()
        policy, delta = self._shared.policy, self._delta
        if outcome == IGNORED or (outcome == FAILURE and not policy.counts(kind)):
            self._delta = delta._replace(total=delta.total + 1)
            return False
        has_failed, is_slow = outcome == FAILURE, policy.is_slow(latency_s)
        now = self._monotonic() + self._shared.offset_s
        self._delta = delta._replace(
            total=delta.total + 1,
            successful=delta.successful + (not has_failed),
            failed=delta.failed + has_failed,
            slow=delta.slow + is_slow,
            failures=delta.failures + 1 if has_failed else 0,
            has_success=delta.has_success or not has_failed,
            buckets=add_bucket(delta.buckets, (self._slot, 1, int(has_failed), int(is_slow))),
            last_failure_at=now if has_failed else delta.last_failure_at,
            last_success_at=delta.last_success_at if has_failed else now,
            kind=kind if has_failed else delta.kind,
        )
        return (has_failed or is_slow) and self._would_open(now)

    def _would_open(self, now: float) -> bool:
        policy, delta, base = self._shared.policy, self._delta, self.breaker
        failures = delta.failures + (0 if delta.has_success else base.failures)
        kept = live_buckets(base.buckets, base.width_s, policy, now)
        fresh = live_buckets(delta.buckets, width_of(policy), policy, now)
        return bool(opening(policy, failures, *totals((*kept, *fresh))))


class Guard:
    """One call through a local breaker: asks on the way in, reports on the way out."""

    __slots__ = ("_breaker", "_ignored", "_permit")

    def __init__(self, breaker: LocalBreaker, ignored: tuple[type[BaseException], ...]) -> None:
        self._breaker, self._ignored = breaker, ignored

    def __enter__(self) -> Permit:
        self._permit = self._breaker.permit()
        return self._permit

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._permit.settle(error, self._ignored)

    async def __aenter__(self) -> Permit:
        permit = self._breaker.permit_quickly()
        if permit is None:
            permit = await permit_in_thread(self._breaker.permit)
        self._permit = permit
        return permit

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None or not self._breaker.passes_quickly(self._permit):
            from asyncio import to_thread

            await to_thread(self._permit.settle, error, self._ignored)
