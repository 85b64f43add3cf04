"""A permit: the leave for one call, and the duty to say what became of it.

    with breakers.permit("orders") as permit:           # also `async with`
        send()                                          # an exception is a failure, and goes on
        permit.failure("5xx")                           # unless told otherwise; the first report counts
"""

from mgov.model.breaker import CANCELLED, FAILURE, IGNORED, SUCCESS
from mgov.model.breaker_policy import ERROR, REFUSED, RESET, TIMEOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Finish = Callable[["Permit", str, str, "float | None"], None]


class Permit:
    """Leave for one call. `at` is when it was given, on the monotonic clock; `generation` and `serial` are the
    breaker's; a serial of 0 is no probe's. Report once; further reports change nothing. `latency_s` is the time since
    the permit was given, where it is not told.
    """

    __slots__ = ("_finish", "at", "generation", "serial")

    def __init__(self, finish: "Finish", at: float, generation: int, serial: int = 0) -> None:
        self._finish = finish
        self.at = at
        self.generation = generation
        self.serial = serial

    @property
    def token(self) -> str:
        """The permit as text, for a process that reports in the place of this one."""
        return f"{self.generation}-{self.serial}"

    def success(self, latency_s: "float | None" = None) -> None:
        """The call went well."""
        finish, self._finish = self._finish, _done
        finish(self, SUCCESS, "", latency_s)

    def failure(self, kind: str = "", latency_s: "float | None" = None) -> None:
        """The call failed in this way (model.breaker_policy), which counts or does not."""
        finish, self._finish = self._finish, _done
        finish(self, FAILURE, kind, latency_s)

    def ignore(self) -> None:
        """The call says nothing of the service."""
        finish, self._finish = self._finish, _done
        finish(self, IGNORED, "", None)

    def cancel(self) -> None:
        """There was no call after all."""
        finish, self._finish = self._finish, _done
        finish(self, CANCELLED, "", None)

    def settle(self, error: "BaseException | None", ignored: "tuple[type[BaseException], ...]" = ()) -> None:
        """Report what a block ended with: nothing, an exception, or a cancellation."""
        if self._finish is _done:
            return
        if error is None:
            self.success()
        elif not isinstance(error, Exception):          # CancelledError, KeyboardInterrupt, GeneratorExit
            self.cancel()
        elif isinstance(error, ignored):
            self.ignore()
        else:
            self.failure(kind_of(error))

    def __enter__(self) -> "Permit":
        return self

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        self.settle(error)

    async def __aenter__(self) -> "Permit":
        return self

    async def __aexit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        from asyncio import to_thread

        await to_thread(self.settle, error)


async def permit_in_thread(ask: "Callable[[], Permit]") -> Permit:
    """What `ask` says, from a thread. A permit that comes when its task was cancelled meanwhile is given back.

    The thread does that, and nobody waits for it: who cancels has no time to, and the store may have stalled.
    """
    import asyncio
    from contextvars import copy_context
    from threading import Lock

    handing_over, came, is_wanted = Lock(), [], True

    def asked() -> Permit:
        permit = ask()
        with handing_over:
            came.append(permit)
            is_left = not is_wanted
        if is_left:
            permit.cancel()
        return permit

    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(None, copy_context().run, asked)
    except asyncio.CancelledError:
        with handing_over:
            is_wanted = False
            has_come = bool(came)
        if has_come:
            loop.run_in_executor(None, came[0].cancel)
        raise


def kind_of(error: BaseException) -> str:
    """The kind of failure that an exception is."""
    if isinstance(error, TimeoutError):
        return TIMEOUT
    if isinstance(error, ConnectionRefusedError):
        return REFUSED
    return RESET if isinstance(error, ConnectionError) else ERROR


def _done(permit: Permit, outcome: str, kind: str, latency_s: "float | None") -> None:
    return
