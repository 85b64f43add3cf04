"""Making the Nth call to the operating system fail, as a failing disk or a full one would, or be a process' last."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

CALLS = ("open", "write", "pwrite", "fsync", "fdatasync", "replace", "rename", "unlink", "ftruncate", "mkdir",
         "fchmod", "stat", "fstat", "read", "pread", "listdir", "close")
FAULTS = {name: getattr(errno, name) for name in ("EIO", "ENOSPC", "EDQUOT", "EACCES", "EROFS")}
SHORT_WRITE = "short write"
_REAL = {name: getattr(os, name) for name in CALLS}
_FLOCK = fcntl.flock


class Faulty:
    """Counts the calls below and lets number `at` (from 1; 0: none) fail; `seen` names them in order."""

    def __init__(self, at: int, fault: str) -> None:
        self._at, self._fault = at, fault
        self.seen: list[str] = []

    @property
    def was_hit(self) -> bool:
        return 0 < self._at <= len(self.seen)

    def call(self, name: str, real: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        self.seen.append(name)
        if len(self.seen) != self._at:
            return real(*args, **options)
        if self._fault == SHORT_WRITE:
            if name not in ("write", "pwrite"):
                return real(*args, **options)
            return real(args[0], bytes(args[1])[: len(args[1]) // 2], *args[2:])
        if name == "close":                     # the descriptor is gone all the same, as Linux has it
            real(*args, **options)
        number = FAULTS[self._fault]
        raise OSError(number, os.strerror(number))


@contextmanager
def faulty(at: int, fault: str, calls: tuple[str, ...] = (*CALLS, "flock")) -> Iterator[Faulty]:
    """Inside the block, call number `at` among `calls` fails with `fault`."""
    state = Faulty(at, fault)

    def wrap(name: str, real: Any) -> Any:
        return lambda *args, **options: state.call(name, real, args, options)

    try:
        for name in calls:
            if name == "flock":
                fcntl.flock = wrap(name, _FLOCK)
            else:
                setattr(os, name, wrap(name, _REAL[name]))
        yield state
    finally:
        for name, real in _REAL.items():
            setattr(os, name, real)
        fcntl.flock = _FLOCK


def dies_at(call: int, do: Callable[[], object]) -> bool:
    """Do it in a child that dies at its Nth call; False when it finished before."""
    child = os.fork()
    if child == 0:
        left = call

        def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
            def counted(*args: Any, **options: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os._exit(9)
                return real(*args, **options)

            return counted

        for name in CALLS:
            setattr(os, name, wrap(getattr(os, name)))
        try:
            do()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
