"""Signals wait while the store writes: Ctrl-C and a polite kill come before a write or after it, never inside.

The main thread, which is where Python runs handlers, notes them and raises them again when the write is done. Masking
them would not do where other threads run: the kernel gives a signal to any thread that takes it. In another thread
nothing is held back, for no handler runs there.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from signal import (
        SIG_BLOCK,
        SIG_IGN,
        SIG_SETMASK,
        SIGALRM,
        SIGHUP,
        SIGINT,
        SIGTERM,
        getsignal,
        pthread_sigmask,
        raise_signal,
        signal,
    )
    from typing import Any

    Held = tuple[list[int], dict[int, Any]]
else:
    # signal's own module imports enum, and threading much else: a hot verb that writes cannot afford them.
    from _signal import (
        SIG_BLOCK,
        SIG_IGN,
        SIG_SETMASK,
        SIGALRM,
        SIGHUP,
        SIGINT,
        SIGTERM,
        getsignal,
        pthread_sigmask,
        raise_signal,
        signal,
    )

HELD_BACK = (SIGALRM, SIGHUP, SIGINT, SIGTERM)


def hold() -> "Held | None":
    """Hold signals back from now on; return what `release` needs, None outside the main thread."""
    threading = sys.modules.get("threading")
    if threading is not None and threading.current_thread() is not threading.main_thread():
        return None
    arrived: list[int] = []
    handlers: dict[int, Any] = {}
    mask = pthread_sigmask(SIG_BLOCK, HELD_BACK)
    for number in HELD_BACK:
        before = getsignal(number)
        if before is not None and before != SIG_IGN:       # None: not Python's handler
            handlers[number] = signal(number, lambda n, _: arrived.append(n))
    pthread_sigmask(SIG_SETMASK, mask)
    return arrived, handlers


def has_arrived(held: "Held | None") -> bool:
    """Whether a signal waits for `release`."""
    return held is not None and bool(held[0])


def release(held: "Held | None") -> None:
    """Deliver what came in since `hold`; a handler's exception leaves from here."""
    if held is None:
        return
    arrived, handlers = held
    mask = pthread_sigmask(SIG_BLOCK, HELD_BACK)
    for number, handler in handlers.items():
        signal(number, handler)
    for number in dict.fromkeys(arrived):
        raise_signal(number)
    pthread_sigmask(SIG_SETMASK, mask)
