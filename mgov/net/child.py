"""Child processes: started, and never left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mgov.errors import ChildNotFound, ChildNotRunnable, RemoteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

END_WAIT_S = 5.0
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP)


def python(*args: str) -> list[str]:
    """The command line of this very interpreter."""
    return [sys.executable, *args]


def run(argv: Sequence[str], *, environ: Mapping[str, str]) -> int:
    """Run a command on our own standard streams and return its exit status."""
    return subprocess.run(argv, env=dict(environ), check=False).returncode


def run_forwarding(argv: Sequence[str], *, environ: Mapping[str, str]) -> int:
    """Run a command on our own streams; SIGTERM and SIGHUP that reach us are passed on to it.

    Ctrl-C reaches it from the terminal by itself, and we wait for what it makes of it. Returns its exit status, 128 + n
    after signal n; 127 where there is no such program, 126 where it cannot be run.
    """
    if not argv:
        raise UsageError("there is no command behind --")
    try:
        process = subprocess.Popen(argv, env=dict(environ))
    except FileNotFoundError:
        raise ChildNotFound(f"{argv[0]}: no such program") from None
    except OSError as error:
        raise ChildNotRunnable(f"{argv[0]} cannot be run: {(error.strerror or str(error)).lower()}") from error
    before = {number: signal.signal(number, lambda n, _: process.send_signal(n)) for number in _PASSED_ON}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        status = process.wait()
    except BaseException:
        end(process)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status


@contextmanager
def serving(argv: Sequence[str], *, folder: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a server for the time of the block: (its process, the first line it prints). It is ended on the way out.

    Raise RemoteError when it ends before it prints anything.
    """
    process = subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        line = process.stdout.readline() if process.stdout is not None else ""
        if not line:
            raise RemoteError(f"{argv[0]} ended with {process.wait()} before it served anything")
        yield process, line
    finally:
        end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """End a process that we started: SIGTERM, and SIGKILL where it does not obey within five seconds."""
    process.terminate()
    try:
        process.wait(END_WAIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
