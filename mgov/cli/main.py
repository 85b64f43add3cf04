"""main(argv) -> int: the single error boundary.

Hot verbs and bare help come first and never load typer; everything else is parsed by it. Nothing but the
standard library's smallest modules may be imported at the top of this file.
"""

import gc
import os
import sys

from mgov.cli import tree
from mgov.cli.output import Output, PipeClosed, silence
from mgov.errors import INTERRUPTED, PIPE_CLOSED, TERMINATED, InternalError, MgovError, StoreError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mgov.cli.session import Session


GC_THRESHOLD = 100_000


class Terminated(BaseException):
    """SIGTERM arrived; unwinds like KeyboardInterrupt, so that locks are freed and temporary files removed."""


def main(argv: "list[str] | None" = None) -> int:
    """Run one command line (without the program's name) and return its exit status. Never raises an Exception."""
    args = list(sys.argv[1:] if argv is None else argv)
    boundary = _Boundary(Output(os.environ))
    try:
        return boundary.run(args)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Terminated:
        return TERMINATED
    except PipeClosed:
        silence(boundary.out.stdout)
        return PIPE_CLOSED
    except MemoryError as error:
        return boundary.report(StoreError("not enough memory", hint="nothing was changed; ask for less"), error)
    except MgovError as error:
        return boundary.report(error, error)
    except Exception as error:  # noqa: BLE001 - the boundary: what nobody foresaw is a bug, said in one line
        kind, text = type(error).__name__, str(error) or "no message"
        return boundary.report(InternalError(f"this is a bug in mgov: {kind}: {text}", hint=_BUG_HINT), error)


_BUG_HINT = "run it again with --debug and report what it prints"


class _Boundary:
    """What must still be known when a command line has failed: where to say so, and whether to show a traceback."""

    def __init__(self, out: Output) -> None:
        self.out = out
        self.session: Session | None = None

    def run(self, args: "list[str]") -> int:
        if os.name != "posix":
            raise UsageError("mgov runs on Linux and macOS", hint="on Windows, run it inside WSL")
        if not args or args in (["--help"], ["-h"]):
            from mgov.cli.panels import root_help

            self.out.write(root_help(is_bold=self.out.has_color(self.out.stdout)))
            return 0
        hot = tree.HOT.get(args[0])
        if hot is not None:
            status: int | None = _call(hot, args, self.out)
            if status is not None:
                return status
        return self._run_typer(args)

    def _run_typer(self, args: "list[str]") -> int:
        # A command lives for a moment and makes thousands of records that all stay: looking for cycles among them is
        # a tenth of a sweep's time, and some of every import's. What runs for long (a watch) is still collected.
        gc.set_threshold(GC_THRESHOLD)
        from mgov.cli.later import import_later

        import_later()
        from mgov.cli.root import run
        from mgov.cli.session import Session

        own, child = split_child(args)
        self.session = Session(self.out, os.environ, child)
        restore = _unwind_on_sigterm()
        try:
            answer = run(own, self.session)
            status = answer if isinstance(answer, int) else 0 if answer is None else self.out.show(answer)
            return status or (StoreError.exit_status if self.session.has_damage else 0)
        finally:
            self.session.close()
            restore()

    def report(self, error: MgovError, cause: BaseException) -> int:
        """Say on stderr why it failed; return the exit status."""
        if self.session.debug if self.session else os.environ.get("MGOV_DEBUG"):
            import traceback

            for line in traceback.format_exception(cause):
                for part in line.rstrip("\n").split("\n"):
                    self.out.trace(part)
        self.out.fail(error.code, error.message, error.hint)
        if error.code == "output":
            silence(self.out.stdout)
        return error.exit_status


def split_child(args: "list[str]") -> "tuple[list[str], list[str] | None]":
    """What is mgov's, and what stands behind the first `--` (None when there is none)."""
    if "--" not in args:
        return args, None
    at = args.index("--")
    return args[:at], args[at + 1 :]


def _call(place: str, args: "list[str]", out: Output) -> "Any":
    function: Any = tree.load(place)
    return function(args, out)


def _unwind_on_sigterm() -> "Any":
    """Turn SIGTERM into an exception in this thread; returns the function that puts the old behaviour back."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    before = signal.signal(signal.SIGTERM, _raise_terminated)
    return lambda: signal.signal(signal.SIGTERM, before)


def _raise_terminated(_number: int, _frame: object) -> None:
    raise Terminated
