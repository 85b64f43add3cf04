"""Child processes: started, and never left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mgov.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

END_WAIT_S = 5.0


def python(*args: str) -> list[str]:
    """The command line of this very interpreter."""
    return [sys.executable, *args]


def run(argv: Sequence[str], *, environ: Mapping[str, str]) -> int:
    """Run a command on our own standard streams and return its exit status."""
    return subprocess.run(argv, env=dict(environ), check=False).returncode


def run_forwarding(argv: Sequence[str], *, environ: Mapping[str, str]) -> int:
    """Run a command on our own streams; signals that reach us are passed on to it.

    Ctrl-C reaches it from the terminal by itself, and we wait for what it makes of it. Returns its exit status, 128 + n
    after signal n; raises ChildNotFound where there is no such program, ChildNotRunnable where it cannot be run.
    """
    return _run(argv, environ)[0]


def run_hook(argv: Sequence[str], *, environ: Mapping[str, str]) -> int:
    """As `run_forwarding`, for a program that goes on afterwards: a signal that came meanwhile then means us too."""
    status, received = _run(argv, environ)
    if received is not None:
        signal.raise_signal(received)
    return status


def _run(argv: Sequence[str], environ: Mapping[str, str]) -> tuple[int, int | None]:
    """The exit status, and the last signal that reached us."""
    from mgov.net.supervise import Supervisor

    with Supervisor(argv) as child:
        child.start(environ)
        status = child.wait()
    assert status is not None                   # without a limit on the wait the child has ended
    return status, child.received


def output_of(argv: Sequence[str], *, what: str, environ: Mapping[str, str], wait_s: float) -> str:
    """What a command prints, without its last line break; its standard error is ours, its input is empty.

    Raise RemoteError, which calls it `what`, where it cannot be run, does not end within `wait_s` seconds, ends with
    anything but 0, or prints something that is not UTF-8 text.
    """
    try:
        done = subprocess.run(argv, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              timeout=wait_s, check=False)
        text = done.stdout.decode()
    except subprocess.TimeoutExpired:
        raise RemoteError(f"{what} did not end within {wait_s:g}s") from None
    except UnicodeDecodeError:
        raise RemoteError(f"{what} printed something that is not text") from None
    except (OSError, ValueError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        raise RemoteError(f"{what} cannot be run: {reason.lower()}") from error
    if done.returncode:
        raise RemoteError(f"{what} ended with {done.returncode}")
    return text.removesuffix("\n")


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
