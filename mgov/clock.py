"""The only reader of time. Everything else is handed a Clock, so that a test can move it by hand."""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Clock(Protocol):
        """What mgov asks of time."""

        def now(self) -> float:
            """Seconds since the Unix epoch, UTC; may step backwards."""

        def monotonic(self) -> float:
            """Seconds since some fixed moment; never steps backwards; for measuring only."""

        def sleep(self, seconds: float) -> None:
            """Return after `seconds`."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread for `seconds`."""
        time.sleep(seconds)
