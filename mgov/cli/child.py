"""Commands that run for whoever called us: the one behind `--`, and those of options such as --exec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import ChildNotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgov.cli.session import Session


def run_child(session: Session, environ: Mapping[str, str] | None = None) -> int:
    """Run the session's child and return its status; the last line on stderr says `child exited N`.

    `environ` is added to the environment. A deadline goes on for the child.
    """
    from mgov.net.child import run_forwarding

    status = run_forwarding(session.child, environ={**session.environ, **(environ or {})})
    session.out.note(f"child exited {status}")
    return status


def hook_words(session: Session, text: str, option: str) -> list[str]:
    """The words of a command that `option` names, split as a shell splits them.

    Raise UsageError where it is no command line, and ChildNotFound where there is no such program: now, and not only
    when the time has come to run it.
    """
    import shlex
    import shutil

    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{option} {text[:80]!r}: {str(error).lower()}") from None
    if not words:
        raise UsageError(f"{option} names no command")
    if shutil.which(words[0], path=session.environ.get("PATH")) is None:
        raise ChildNotFound(f"{option}: {words[0]}: no such program, or none that may be run")
    return words


def run_hook(session: Session, words: Sequence[str], environ: Mapping[str, str]) -> None:
    """Run a hook with `environ` added to the environment; what becomes of it is at most a warning."""
    from shlex import join

    from mgov.errors import MgovError
    from mgov.net import child

    try:
        status = child.run_hook(words, environ={**session.environ, **environ})
    except MgovError as error:
        session.out.warn(error.message)
        return
    if status:
        session.out.warn(f"{join(words)} ended with {status}")
