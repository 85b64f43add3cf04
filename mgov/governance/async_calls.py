"""Calls for a program with an event loop: see `mgov.governance.calls`.

One course of steps serves both: what is sent and waited for runs in the loop, and what the course asks of the disk
between two steps in a thread.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mgov.governance.attempts import Pause
from mgov.governance.calls import Calls, call_of
from mgov.model.call import DEFAULT_TERMS, Called
from mgov.net.async_client import AsyncClient
from mgov.net.exchange import Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgov.errors import Refused
    from mgov.governance.attempts import Course, Outcome, Send
    from mgov.governance.calls import Pairs, Plan
    from mgov.model.call import Call, Terms
    from mgov.model.retry import Attempt
    from mgov.net.target import Trust


class AsyncCalls:
    """Requests to services, protected; see `Calls`. What is sent and waited for runs in the event loop."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._client = AsyncClient()

    async def get(
        self, service: str, path: str = "/", *, query: Pairs = (), headers: Pairs = (), terms: Terms = DEFAULT_TERMS
    ) -> Called:
        """As `Calls.get`."""
        return await self.request("GET", service, path, query=query, headers=headers, terms=terms)

    async def request(
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
        """As `Calls.request`; `on_attempt` is told in a thread."""
        call = call_of(method, service, path, query, headers, body)
        return await self.send(call, terms, trust=trust, on_attempt=on_attempt)

    async def send(
        self,
        call: Call,
        terms: Terms = DEFAULT_TERMS,
        *,
        trust: Trust | None = None,
        on_attempt: Callable[[Attempt], None] | None = None,
    ) -> Called:
        """As `Calls.send`."""
        return await self._drive(self._calls.course(call, terms, trust, on_attempt))

    async def plan(self, call: Call, terms: Terms = DEFAULT_TERMS, *, trust: Trust | None = None) -> Plan:
        """As `Calls.plan`."""
        return await asyncio.to_thread(self._calls.plan, call, terms, trust=trust)

    async def refusal(self, service: str, terms: Terms = DEFAULT_TERMS) -> Refused | None:
        """As `Calls.refusal`."""
        return await asyncio.to_thread(self._calls.refusal, service, terms)

    async def close(self) -> None:
        """Close the connections that were kept."""
        await self._client.close()

    async def _drive(self, course: Course) -> Called:
        outcome: Outcome = None
        try:
            while True:
                step = await _next_step(course, outcome)
                if isinstance(step, Called):
                    return step
                outcome = None
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    continue
                try:
                    outcome = await self._client.send(step.request, timeout_s=step.timeout_s)
                except Unanswered as unanswered:
                    outcome = unanswered
        finally:
            course.close()


async def _next_step(course: Course, outcome: Outcome) -> Send | Pause | Called:
    """Where the course goes on, or its result. It asks the disk, hence in a thread, and that is never abandoned."""
    thread = asyncio.ensure_future(asyncio.to_thread(_advance, course, outcome))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait([thread])            # a generator that runs cannot be closed
        raise


def _advance(course: Course, outcome: Outcome) -> Send | Pause | Called:
    try:
        return course.send(outcome)
    except StopIteration as done:               # which a coroutine cannot raise
        called: Called = done.value
        return called
