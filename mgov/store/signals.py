"""Signals wait while the store writes: Ctrl-C and a polite kill come before a write or after it, never inside.

Only the main thread's signals can be held back; where other threads run, a signal may still interrupt a write, and
the plan in the lock file then lets the next writer finish or undo it.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from signal import SIG_BLOCK, SIG_SETMASK, SIGALRM, SIGHUP, SIGINT, SIGTERM, pthread_sigmask

    Mask = set[int]
else:
    # signal's own module imports enum, and threading much else: a hot verb that writes cannot afford them.
    from _signal import SIG_BLOCK, SIG_SETMASK, SIGALRM, SIGHUP, SIGINT, SIGTERM, pthread_sigmask

HELD_BACK = (SIGALRM, SIGHUP, SIGINT, SIGTERM)


def hold() -> "Mask | None":
    """Hold signals back from now on; return what `release` needs, None outside the main thread."""
    threading = sys.modules.get("threading")
    if threading is not None and threading.current_thread() is not threading.main_thread():
        return None
    return set(pthread_sigmask(SIG_BLOCK, HELD_BACK))


def release(before: "Mask | None") -> None:
    """Deliver what came in since `hold`; a handler's exception leaves from here."""
    if before is not None:
        pthread_sigmask(SIG_SETMASK, before)
