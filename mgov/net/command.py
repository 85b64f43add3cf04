"""The probe of command checks: a program of this machine, its exit status, and the first line that it says.

`async probe_command(target, place, link, seen)` as all probes; `target.url` is `command:` and a command line (see
mgov.model.command); of `place` nothing is read. It runs without a shell, from `/`, with no input, in a process group
of its own, and with this much of our environment: PATH (its absolute folders), HOME, USER, TZ and TMPDIR where they
are set, and LANG=C.UTF-8. What else a CI job keeps in its environment, tokens above all, no check ever sees.

Standard output and error are read as one, 64 KiB are kept and 1 MiB is allowed. The probe ends with its command, and
with it all that is left of its process group; at the deadline everything is killed at once. A program that cannot be
started here is a local error: that says nothing about the service. Only trusted commands may come here; the caller
sees to that.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
from typing import TYPE_CHECKING, Any

from mgov.model.command import argv_of, first_line
from mgov.model.measurement import LOCAL_ERROR, MAX_BODY_BYTES, PROTOCOL, TIMEOUT
from mgov.model.units import format_duration
from mgov.net.failure import ProbeFailed, is_shortage
from mgov.net.reply import Reply

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from mgov.net.link import Link
    from mgov.net.reactor import Task
    from mgov.net.target import Place, Seen, Target

MAX_OUTPUT_BYTES = 1024 * 1024
_KEPT_NAMES = ("HOME", "USER", "TZ", "TMPDIR")
_READ_BYTES = 64 * 1024
_HEAD_BYTES = 4 * 1024          # of output: enough for the line that says why
_KILL_WAIT_S = 0.5              # SIGKILL takes well under a millisecond, unless the kernel itself hangs


async def probe_command(target: Target, place: Place, link: Link, seen: Seen) -> None:
    """Run the command to its end, or to the deadline."""
    argv = argv_of(target.url)
    running = _Running(argv, link.task)
    try:
        exit_status = await running.end()
    except TimeoutError as error:
        said = first_line(bytes(running.kept))
        within = f"not finished within {format_duration(target.timeout_s)}, killed"
        raise ProbeFailed(TIMEOUT, f"{within}; it said: {said}" if said else within) from error
    finally:
        running.close()
    kept = running.kept if target.keep_body else running.kept[:_HEAD_BYTES]
    reply = Reply(exit_status, b"", bytes(kept), running.received, running.received > len(running.kept))
    seen.answer = reply


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command check, made of ours (see the head of this file)."""
    folders = [folder for folder in environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(folder)]
    kept = {name: environ[name] for name in _KEPT_NAMES if name in environ}
    return {"PATH": os.pathsep.join(folders), "LANG": "C.UTF-8", **kept}


class _Running:
    """A command under way: its process, its output so far, and one descriptor that says when either has news."""

    def __init__(self, argv: list[str], task: Task) -> None:
        self.kept = bytearray()
        self.received = 0
        self._task = task
        self._process = _start(argv)
        assert self._process.stdout is not None
        self._out = self._process.stdout.fileno()
        self._watch: Any = None
        self._exit: Any = None
        try:
            self._watch = selectors.DefaultSelector()
            os.set_blocking(self._out, False)
            self._exit = _Exit(self._process.pid)
            self._watch.register(self._out, selectors.EVENT_READ)
            self._watch.register(self._exit, selectors.EVENT_READ)
        except OSError as error:
            self.close()
            raise _local(argv[0], error) from error

    async def end(self) -> int:
        """Its exit status, once it has ended: negative where a signal ended it."""
        is_open = True
        while True:
            await self._task.readable(self._watch)      # an epoll or kqueue can itself be watched
            ready = {key.fd for key, _ in self._watch.select(0)}
            if self._out in ready and is_open and not self._read():
                is_open = False
                self._watch.unregister(self._out)
            if self._exit.fileno() in ready:
                while is_open and self._read():         # a grandchild may hold the pipe open: take what is there
                    pass
                self._kill_group()
                return self._process.wait()

    def close(self) -> None:
        """Kill and reap what still runs, and close all descriptors."""
        self._task.forget_socket()
        if self._process.returncode is None:
            self._kill_group()
            self._reap()
        for held in (self._watch, self._exit, self._process.stdout):
            if held is not None:
                held.close()

    def _read(self) -> bool:
        """Take one piece of output; False at its end, or when there is none now and the command is over."""
        try:
            data = os.read(self._out, _READ_BYTES)
        except BlockingIOError:
            return False
        self.received += len(data)
        if self.received > MAX_OUTPUT_BYTES:
            raise ProbeFailed(PROTOCOL, "more than 1 MiB of output, killed")
        self.kept += data[: MAX_BODY_BYTES - len(self.kept)]
        return bool(data)

    def _kill_group(self) -> None:
        # Its leader is not reaped yet, so the number can be nobody else's.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except OSError:                                 # nobody is left in it, or they are not ours to kill
            return

    def _reap(self) -> None:
        import subprocess

        try:
            self._process.wait(_KILL_WAIT_S)
        except subprocess.TimeoutExpired:
            return


def _start(argv: list[str]) -> subprocess.Popen[bytes]:
    import subprocess

    try:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
            cwd="/", env=environment(os.environ), start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ProbeFailed(LOCAL_ERROR, f"{argv[0][:80]} is not on this machine") from error
    except OSError as error:
        raise _local(argv[0], error) from error


def _local(program: str, error: OSError) -> ProbeFailed:
    reason = (error.strerror or str(error)).lower()
    return ProbeFailed(
        LOCAL_ERROR, f"{program[:80]} cannot be run here: {reason}", is_shortage=is_shortage(error)
    )


class _Exit:
    """Becomes readable when our child `pid` has ended: a pidfd on Linux, a kqueue with an EVFILT_PROC elsewhere."""

    def __init__(self, pid: int) -> None:
        self._queue: Any = None
        if sys.platform == "linux":
            self._descriptor = os.pidfd_open(pid)
        else:
            import select

            self._queue = select.kqueue()
            self._descriptor = self._queue.fileno()
            ended = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
            self._queue.control([ended], 0)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        if self._queue is None:
            os.close(self._descriptor)
        else:
            self._queue.close()
