"""Watching a configuration from a program: a callback for each real change, until told to stop.

Each watch has a thread of its own, so that a callback that is slow or fails holds up no other.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from mgov.governance.following import POLL_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgov.governance.following import Change, Follower

STOP_WAIT_S = 5.0


class Watching:
    """Calls `callback` with each change that `follower` finds; `warn` is told what a callback raised."""

    def __init__(self, follower: Follower, callback: Callable[[Change], object], warn: Callable[[str], None]) -> None:
        self._follower, self._callback, self._warn = follower, callback, warn
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mgov-config-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Call it no more. A call that is under way is waited for, unless it is the caller."""
        self._stopped.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(STOP_WAIT_S)

    def _run(self) -> None:
        while not self._stopped.wait(POLL_S):
            for change in self._follower.poll():
                if self._stopped.is_set():
                    return
                try:
                    self._callback(change)
                except Exception as error:  # noqa: BLE001 - somebody else's code: the next change is still told
                    self._warn(f"a watch of {change.configuration.name} failed: {type(error).__name__}: {error}")
