"""Command checks: a program of this machine that says by its exit status how a service is.

The convention is that of Nagios plugins (Monitoring Plugins Development Guidelines, sections 2.1 and 2.3): 0 is ok, 1
a warning, 2 critical, 3 unknown; the first line of output says why, and what stands behind `|` is figures for graphs.

A check's URL is `command:` and the command line as it was written. It is split as a shell splits words, and no shell
ever sees it: there are no variables, pipes or globs in it.
"""

from __future__ import annotations

from mgov.errors import UsageError
from mgov.model.health import DEGRADED, HEALTHY, UNHEALTHY

COMMAND = "command"
PREFIX = "command:"
MAX_COMMAND_CHARS = 4096
MAX_REASON_CHARS = 500
_OK, _WARNING, _CRITICAL, _UNKNOWN = range(4)
_NOT_RUNNABLE, _NOT_FOUND = 126, 127            # what a shell inside the command says of a program it cannot run


def command_url(text: str) -> str:
    """The check URL of the command line `text` (with or without the prefix); raise UsageError when it is none."""
    line = text.removeprefix(PREFIX).strip()
    if len(line) > MAX_COMMAND_CHARS:
        raise UsageError(f"a command check may have {MAX_COMMAND_CHARS} characters, not {len(line)}")
    if not all(c.isprintable() for c in line):
        raise UsageError("a command check may hold no line breaks or control characters")
    argv_of(line)
    return PREFIX + line


def argv_of(url: str) -> list[str]:
    """The words of a check URL's command line; raise UsageError when there are none, or a quote is left open."""
    import shlex

    line = url.removeprefix(PREFIX)
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{line[:80]!r} is not a command line: {str(error).lower()}") from None
    if not words or not words[0]:
        raise UsageError("a command check needs a command", hint="write it like: command:check_disk -w 10%")
    return words


def first_line(output: bytes) -> str:
    """The first line of output that says something, without its figures; '' where there is none. Foreign text."""
    for line in output.decode("utf-8", "replace").splitlines():
        said = line.partition("|")[0].strip()
        if said:
            return said[:MAX_REASON_CHARS]
    return ""


def verdict(exit_status: int, said: str) -> tuple[str, str]:
    """(status, reason) of a command that ended with `exit_status` (negative: by that signal) and said `said`."""
    if exit_status == _OK:
        return HEALTHY, said or "exit 0"
    if exit_status == _WARNING:
        return DEGRADED, said or "exit 1 (warning)"
    return UNHEALTHY, f"{_meaning(exit_status)}: {said}" if said else _meaning(exit_status)


def _meaning(exit_status: int) -> str:
    if exit_status < 0:
        return f"ended by signal {-exit_status}"
    meaning = {
        _CRITICAL: "critical", _UNKNOWN: "unknown", _NOT_RUNNABLE: "not runnable", _NOT_FOUND: "not found",
    }.get(exit_status, "not a status of a check")  # fmt: skip
    return f"exit {exit_status} ({meaning})"
