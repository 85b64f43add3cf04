"""A text that a person changes in their editor, in a file that nobody else can read."""

from __future__ import annotations

import os
import shlex
import tempfile
from typing import TYPE_CHECKING

from mgov.errors import InputError, MgovError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from mgov.model.config import Values

EDITORS = ("VISUAL", "EDITOR")
USUAL_EDITOR = "vi"


class Draft:
    """The text in a file of its own inside a `with` block; the file goes at its end, unless `keep` was called."""

    def __init__(self, name: str, text: str) -> None:
        self._text = text
        self._folder = tempfile.mkdtemp(prefix="mgov-")         # mode 0700
        self.path = os.path.join(self._folder, f"{name}.toml")
        self._is_kept = False
        with open(self.path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)

    def edit(self, environ: Mapping[str, str]) -> int:
        """Open the editor; return what it ended with: what is in the file is meant where that is 0.

        Raise UsageError where there is none to open. Ctrl-C is the editor's own.
        """
        from mgov.net.child import run_forwarding

        chosen = next((environ[name] for name in EDITORS if environ.get(name, "").strip()), "")
        if not chosen and not (os.isatty(0) and os.isatty(1)):
            raise UsageError("no editor is set, and there is no terminal for another",
                             hint="set EDITOR, or hand over a file: mgov config import SERVICE FILE")
        try:
            return run_forwarding([*shlex.split(chosen or USUAL_EDITOR), self.path], environ=environ)
        except (MgovError, ValueError) as error:
            why = error.message if isinstance(error, MgovError) else str(error).lower()
            raise UsageError(f"the editor {chosen or USUAL_EDITOR}: {why}", hint="set EDITOR") from None

    def is_changed(self) -> bool:
        """Whether the text is another one than it was."""
        return self._read() != self._text.encode()

    def values(self) -> Values:
        """What the text says now; raise InputError naming line and column."""
        from mgov.cli.config_inputs import read_values

        return read_values(self.path)

    def keep(self) -> str:
        """Let the file stay; return its path."""
        self._is_kept = True
        return self.path

    def _read(self) -> bytes:
        try:
            with open(self.path, "rb") as file:
                return file.read()
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {(error.strerror or str(error)).lower()}") from error

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_kept:
            import shutil

            shutil.rmtree(self._folder, ignore_errors=True)
