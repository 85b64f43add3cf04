"""A child that outlives its settings: started, given a signal or started anew as they change, ended with us.

    with Supervisor(argv) as child:
        child.start(environ)
        while (status := child.wait(0.2)) is None:
            if changed:
                child.restart(new_environ)

Signals that reach us are passed on to the child. What a terminal's keys send (Ctrl-C, Ctrl-\\) reaches it by itself,
and is not sent twice; we wait for what it makes of it. The child is never left behind: leaving the block ends it, with
SIGTERM, and with SIGKILL where it does not obey in time.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

from mgov.errors import ChildNotFound, ChildNotRunnable, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

GRACE_S = 10.0                                  # from SIGTERM to SIGKILL, as docker stop
_KEYS = frozenset({signal.SIGINT, signal.SIGQUIT})                  # which a terminal sends to all in its foreground
_ENDINGS = _KEYS | {signal.SIGTERM}
_PASSED_ON = _ENDINGS | {signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}


def signal_number(name: str) -> int:
    """The number of a signal, `HUP` or `SIGHUP`; raise UsageError."""
    full = name.upper() if name.upper().startswith("SIG") else f"SIG{name.upper()}"
    number = getattr(signal, full, None)
    if not isinstance(number, signal.Signals):
        raise UsageError(f"{name[:40]!r} is not a signal", hint="such as HUP, USR1 or INT")
    return number


class Supervisor:
    """Runs `argv` on our own standard streams, one process at a time; a context manager of the main thread."""

    def __init__(self, argv: Sequence[str], *, grace_s: float = GRACE_S) -> None:
        """`grace_s` is how long a child may take to end after SIGTERM. UsageError without a command."""
        if not argv:
            raise UsageError("there is no command behind --")
        self._argv = list(argv)
        self._grace_s = grace_s
        self._process: subprocess.Popen[bytes] | None = None
        self._is_told_to_end = False
        self.received: int | None = None        # the last signal that reached us, not the child alone
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Supervisor:
        for number in _PASSED_ON:
            self._before[number] = signal.signal(number, self._pass_on)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end()
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    @property
    def is_running(self) -> bool:
        """Whether there is a child, or one whose status nobody has asked for."""
        return self._process is not None

    @property
    def is_told_to_end(self) -> bool:
        """Whether somebody asked us or the child to end: it is not started anew after that."""
        return self._is_told_to_end

    def start(self, environ: Mapping[str, str]) -> None:
        """Start the command; ChildNotFound (127) where there is none, ChildNotRunnable (126) where it cannot run."""
        try:
            self._process = subprocess.Popen(self._argv, env=dict(environ))
        except FileNotFoundError:
            raise ChildNotFound(f"{self._argv[0]}: no such program") from None
        except OSError as error:
            why = _too_large(environ) if error.errno == errno.E2BIG else (error.strerror or str(error)).lower()
            raise ChildNotRunnable(f"{self._argv[0]} cannot be run: {why}") from error
        if self._is_told_to_end and self.received is not None:
            self.send(self.received)            # it came before there was a child to pass it on to

    def restart(self, environ: Mapping[str, str]) -> None:
        """End the child that runs and start it anew. One that has ended, or was told to, is left for `wait` to tell."""
        if self._is_told_to_end or (self._process is not None and self._process.poll() is not None):
            return
        self.end()
        if not self._is_told_to_end:
            self.start(environ)

    def send(self, number: int) -> None:
        """Send a signal to the child, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def wait(self, most_s: float | None = None) -> int | None:
        """The child's exit status (128 + n after signal n), or None when it still runs after `most_s` seconds."""
        if self._process is None:
            return None
        try:
            status = self._process.wait(most_s)
        except subprocess.TimeoutExpired:
            return None
        return status if status >= 0 else 128 - status

    def end(self) -> None:
        """End the child that runs, if one does: SIGTERM, and SIGKILL after the grace."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(self._grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _pass_on(self, number: int, _frame: object) -> None:
        self.received = number
        if number in _ENDINGS:
            self._is_told_to_end = True
        if not (number in _KEYS and _is_in_foreground()):
            self.send(number)


def _too_large(environ: Mapping[str, str]) -> str:
    """Why a command is refused with E2BIG: one variable, or all of them, are more than the system hands over."""
    sizes = {name: len(os.fsencode(text)) for name, text in environ.items()}
    largest = max(sizes, key=lambda name: sizes[name], default="")
    return f"its environment or its arguments are too large; {largest} alone has {sizes.get(largest, 0)} bytes"


def _is_in_foreground() -> bool:
    """Whether the keys of a terminal reach us, and so the child, which is in our process group."""
    try:
        terminal = os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:                             # none controls us
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
