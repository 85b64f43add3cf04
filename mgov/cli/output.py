"""stdout for the answer, stderr for the talk. Nothing else in mgov prints.

A command hands over one View: columns and rows, made once; every format is a generic printer over them.
"""

import errno
import io
import os
import sys

from mgov.cli.text import BOLD, RED, YELLOW, clean, fit, paint
from mgov.cli.view import CSV, JSON, JSONL, NAME, PLAIN, STANDARD, TABLE, WIDE, Column, View
from mgov.errors import OutputError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, BinaryIO, TextIO

COLOR_WHEN = ("auto", "always", "never")
_MAY_BE_DONE = "the command itself may have been carried out: look before repeating it"


class PipeClosed(Exception):
    """The reader of stdout went away; not an error of ours."""


class Output:
    """Where an answer goes and how it looks. `format` is what was asked for; `settle` makes it what is used."""

    def __init__(self, environ: "Mapping[str, str]") -> None:
        self.stdout: TextIO | None = sys.stdout
        self.stderr: TextIO | None = sys.stderr
        self.environ = environ
        self.format: str | None = None
        self.is_format_asked = True
        self.columns: tuple[str, ...] = ()
        self.color = environ.get("MGOV_COLOR", "")
        self.is_quiet = bool(environ.get("MGOV_QUIET"))
        self.is_verbose = bool(environ.get("MGOV_VERBOSE"))
        self._has_csv_header = False

    # -- what it looks like

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads stdout as it is written."""
        return _is_terminal(self.stdout)

    @property
    def is_heard(self) -> bool:
        """Whether a person reads stderr as it is written."""
        return _is_terminal(self.stderr)

    @property
    def encoding(self) -> str:
        """The encoding of stdout."""
        return getattr(self.stdout, "encoding", None) or "utf-8"

    def has_color(self, stream: "TextIO | None") -> bool:
        """--color, then NO_COLOR, FORCE_COLOR, and whether the stream is a terminal that knows escapes."""
        if self.color in ("always", "never"):
            return self.color == "always"
        if self.environ.get("NO_COLOR"):
            return False
        if self.environ.get("FORCE_COLOR", "0") != "0":
            return True
        return _is_terminal(stream) and self.environ.get("TERM") != "dumb"

    @property
    def width(self) -> "int | None":
        """The columns of the terminal behind stdout; None when there is no terminal."""
        if not self.is_terminal or self.stdout is None:
            return None
        wished = self.environ.get("COLUMNS", "")
        if wished.isascii() and wished.isdigit() and int(wished) > 0:
            return int(wished)
        try:
            return os.get_terminal_size(self.stdout.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    @property
    def _ellipsis(self) -> str:
        return "…" if fit("…", self.encoding) == "…" else "~"

    # -- which format

    @property
    def asked(self) -> "str | None":
        """The format that the flag or MGOV_OUTPUT names, whether known or not."""
        return self.format or self.environ.get("MGOV_OUTPUT") or None

    @property
    def is_json(self) -> bool:
        """Whether errors are JSON objects too."""
        return self.asked in (JSON, JSONL)

    def settle(self, formats: "Sequence[str]", columns: "Sequence[Column]" = ()) -> None:
        """Choose the format of a command that knows `formats`; raise UsageError when the one asked for is not there.

        A standard format from MGOV_OUTPUT that this command lacks falls back to its default.
        """
        if self.color not in ("", *COLOR_WHEN):
            raise UsageError(f"unknown --color {self.color}", hint=f"one of {', '.join(COLOR_WHEN)}")
        if self.asked is None or (self.format is None and self.asked in STANDARD and self.asked not in formats):
            self.format, self.is_format_asked = self._default(formats), False
        elif self.asked not in formats:
            raise _unknown("output format", self.asked, formats)
        else:
            self.format = self.asked
        self.check_columns(columns)

    def check_columns(self, columns: "Sequence[Column]") -> None:
        """Raise UsageError for a picked column that is none of `columns`; without any, all may be picked."""
        known = list(dict.fromkeys(c.name for c in columns))
        for name in self.columns:
            if known and name not in known:
                raise _unknown("column", name, known)

    def _default(self, formats: "Sequence[str]") -> str:
        if TABLE in formats and PLAIN in formats:
            return formats[0] if self.is_terminal else PLAIN
        return formats[0]

    # -- the answer

    def show(self, answer: "View | str") -> int:
        """Print a command's whole answer; return its exit status."""
        if isinstance(answer, str):
            self.write(answer if answer.endswith("\n") or not answer else answer + "\n")
            return 0
        text = self.render(answer)
        self.write(text)
        if answer.summary:
            self.note(answer.summary)
        elif not text and self.format in (TABLE, WIDE):
            self.note("nothing to list")                # a person cannot tell an empty table from a command that failed
        return answer.status

    def render(self, view: View) -> str:
        """The text of `view` in the settled format, ready for stdout."""
        chosen = self.format or self._default(STANDARD)
        if chosen in view.extras:
            text = view.extras[chosen]()
            return text if text.endswith("\n") or not text else text + "\n"
        from mgov.cli import printers

        if chosen in (TABLE, WIDE):
            look = printers.Look(self.width, self.has_color(self.stdout), self.shown, self._ellipsis)
            return printers.table(view, self.columns, look, is_wide=chosen == WIDE)
        if chosen in (JSON, JSONL):
            return printers.json_text(view.document(), self.encoding, is_lines=chosen == JSONL)
        if chosen == CSV:
            return printers.csv_text(view, self.columns)
        return printers.names(view, self.shown) if chosen == NAME else printers.plain(view, self.columns, self.shown)

    def emit(
        self,
        columns: "Sequence[Column]",
        row: "Sequence[Any]",
        data: "Any" = None,
        *,
        name: "str | None" = None,
        widths: "Sequence[int]" = (),
    ) -> None:
        """Print one row of an answer that goes on, and flush: one JSON line, or one row without truncation.

        `name` is what -o name prints [the first cell]; with `widths` of the columns, in cells, a table's rows align.
        """
        view = View(columns, (row,), None if data is None else [data], names=None if name is None else [name])
        from mgov.cli import printers

        if self.format in (JSON, JSONL):
            text = printers.json_text(view.document(), self.encoding, is_lines=True)
        elif self.format == CSV:
            text = printers.csv_text(view, self.columns, has_header=not self._has_csv_header)
            self._has_csv_header = True
        elif self.format == NAME:
            text = printers.names(view, self.shown)
        elif self.format in (TABLE, WIDE) and widths:
            look = printers.Look(None, self.has_color(self.stdout), self.shown)
            text = printers.aligned(view, self.columns, widths, look)
        else:
            text = printers.plain(view, self.columns, self.shown)
        self.write(text)

    def write(self, text: str) -> None:
        """Write `text` to stdout and flush; raise PipeClosed when nobody reads, OutputError when it cannot go out."""
        if text and isinstance(getattr(self.stdout, "buffer", None), io.RawIOBase):
            self.write_bytes(fit(text, self.encoding).encode(self.encoding))
        elif text:
            self._put(lambda stdout: stdout.write(fit(text, self.encoding)))

    def write_bytes(self, data: bytes) -> None:
        """Write `data` to stdout as it is, and flush; raises as `write`."""
        self._put(lambda stdout: _write_whole(stdout.buffer, data))

    def _put(self, put: "Callable[[TextIO], object]") -> None:
        if self.stdout is None or self.stdout.closed:
            raise OutputError("the output could not be written: stdout is closed", hint=_MAY_BE_DONE)
        try:
            self.stdout.flush()                         # what a program that runs mgov in itself has written before
            put(self.stdout)
            self.stdout.flush()
        except BrokenPipeError:
            raise PipeClosed from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise OutputError(f"the output could not be written: {reason}", hint=_MAY_BE_DONE) from error

    def shown(self, text: str) -> str:
        """Foreign text as stdout may show it."""
        return fit(clean(text), self.encoding)

    # -- the talk

    def note(self, text: str) -> None:
        """Say something that -q silences."""
        if not self.is_quiet:
            self._say(clean(text))

    def detail(self, text: str) -> None:
        """Say something that only -v asks for."""
        if self.is_verbose and not self.is_quiet:
            self._say(clean(text))

    def warn(self, text: str, hint: "str | None" = None) -> None:
        """Say what a person should know although the command goes on."""
        self._say(self._label("warning:", YELLOW) + " " + clean(text))
        if hint:
            self.hint(hint)

    def hint(self, text: str) -> None:
        """Say what to type next."""
        self._say(self._label("hint:", BOLD) + " " + clean(text))

    def relay(self, line: str) -> None:
        """Print one line that a program reads from stderr; -q does not silence it."""
        self._say(clean(line))

    def trace(self, line: str) -> None:
        """Print one line of a traceback."""
        self._say(clean(line))

    def fail(self, code: str, message: str, hint: "str | None" = None) -> None:
        """Say why the command failed: one line and a hint, or one JSON object when the answer would be JSON."""
        if self.is_json:
            from mgov.cli import printers

            document = {"error": {"code": code, "message": message, "hint": hint}}
            self._say(printers.json_text([document], _encoding(self.stderr), is_lines=True).rstrip("\n"))
            return
        self._say(self._label("mgov:", RED) + " " + clean(message))
        if hint:
            self.hint(hint)

    def _label(self, text: str, style: str) -> str:
        return paint(text, style if self.has_color(self.stderr) else None)

    def _say(self, line: str) -> None:
        if self.stderr is None:
            return
        try:
            self.stderr.write(fit(line, _encoding(self.stderr)) + "\n")
            self.stderr.flush()
        except (OSError, ValueError):
            self.stderr = None                          # nobody listens; the exit status still speaks


def _write_whole(stream: "BinaryIO", data: bytes) -> None:
    """Write all of `data`: a stream without a buffer (PYTHONUNBUFFERED) may take a part of it, and says how much."""
    left = memoryview(data)
    while left:
        taken = stream.write(left)
        if taken is None:                               # it must not be waited for, and is full
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        left = left[taken:]


def silence(stream: "TextIO | None") -> None:
    """Send what is left in `stream` nowhere, so that the interpreter's last flush cannot fail."""
    try:
        if stream is not None:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
    except (OSError, ValueError):
        return


def _encoding(stream: "TextIO | None") -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _is_terminal(stream: "TextIO | None") -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def _unknown(what: str, word: str, known: "Iterable[str]") -> UsageError:
    from mgov.model.names import suggest

    names = list(known)
    near = suggest(word, names)
    listed = f"one of {', '.join(names)}"
    return UsageError(f"unknown {what}: {word}", hint=f"did you mean {near}? {listed}" if near else listed)
