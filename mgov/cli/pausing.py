"""The pause between two looks of what is printed on and on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.cli.output import PipeClosed

if TYPE_CHECKING:
    from mgov.cli.session import Session


def pause(session: Session, seconds: float) -> None:
    """Sleep; raise PipeClosed, before and after, where nobody reads stdout any more.

    Writing tells as well, but a watch may have nothing to write for days: `health --watch | head -1` has to end.
    """
    _check_reader(session)
    session.clock.sleep(seconds)
    _check_reader(session)


def _check_reader(session: Session) -> None:
    import select

    stdout = session.out.stdout
    try:
        number = stdout.fileno() if stdout is not None else -1
    except (OSError, ValueError):                       # no real file, as in a test
        return
    if number < 0 or not hasattr(select, "poll"):
        return
    poll = select.poll()
    poll.register(number, 0)                            # errors and hang-ups are told without asking
    if any(told & (select.POLLERR | select.POLLHUP) for _, told in poll.poll(0)):
        raise PipeClosed
