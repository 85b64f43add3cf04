"""Fakes that more than one folder of tests uses."""


class FakeClock:
    """A clock that moves only when told, or by as long as somebody sleeps on it."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        """Seconds since the epoch, as last set."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since an arbitrary start."""
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Move by `seconds` at once."""
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on both clocks."""
        self._now += seconds
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Step the wall clock alone, as an administrator or NTP does."""
        self._now += seconds
