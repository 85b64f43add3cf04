"""The files that a compose file takes something from, opened as `formats.compose_files` asks for them.

The lines of all files are numbered through: those of the Nth begin at N * LINES, so that one number tells a file and a
line of it. Only regular files are opened, so many and so much of them in all.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from mgov.cli.inputs import parse_documents
from mgov.errors import InputError
from mgov.formats import dotenv
from mgov.formats.compose_files import Opened, Setting
from mgov.formats.findings import Note
from mgov.formats.lined import shift
from mgov.formats.malformed import Malformed

LINES = 2**25                                   # more than a file of YAML may have
MAX_FILES = 200
MAX_BYTES = 32 * 1024 * 1024


class ComposeFiles:
    """The compose file at `path`, and those that it names."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._names = [path]                            # by number
        self._opened: dict[str, Opened] = {}
        self._settings: dict[str, list[Setting] | None] = {}
        self._left = MAX_BYTES
        self.notes: list[Note] = []

    def main(self, documents: list[Any]) -> Opened:
        """The file that all others are named from, which has been read."""
        key = os.path.realpath(self._path)
        self._opened[key] = Opened(key, os.path.dirname(self._path), documents)
        return self._opened[key]

    def compose(self, path: str, folder: str, line: int) -> Opened:
        """The compose file at `path`, the same one each time."""
        place, key = self._places(path, folder, line)
        if key not in self._opened:
            data = self._read(place, line)
            if data is None:
                raise InputError(f"{self.place(line)}: {place} is not a file that is there")
            documents = parse_documents(data, place)
            for document in documents:
                shift(document, self._number(place))
            self._opened[key] = Opened(key, os.path.dirname(place), documents)
        return self._opened[key]

    def settings(self, path: str, folder: str, line: int) -> list[Setting] | None:
        """What the env file at `path` sets, up to where it is none; None where there is no file."""
        place, key = self._places(path, folder, line)
        if key not in self._settings:
            data = self._read(place, line)
            self._settings[key] = None if data is None else self._entries(data, self._number(place))
        return self._settings[key]

    def folder(self, path: str, folder: str) -> str:
        """The folder at `path`."""
        return os.path.join(folder, path)

    def place(self, line: int) -> str:
        """`FILE:LINE` of a line that was numbered through, `FILE` where it is not known."""
        number, at = divmod(line, LINES)
        return f"{self._names[number]}:{at}" if at else self._names[number]

    def _number(self, place: str) -> int:
        self._names.append(os.path.normpath(place))
        return (len(self._names) - 1) * LINES

    def _entries(self, data: bytes, first: int) -> list[Setting]:
        found: list[Setting] = []
        try:
            for name, value, line in dotenv.entries(data, may_be_bare=True):
                found.append((name, value, first + line))
        except Malformed as error:                      # its words quote the file, which may hold secrets
            self.notes.append(Note("it is not read as an env file from here on", first + error.line))
        return found

    def _places(self, path: str, folder: str, line: int) -> tuple[str, str]:
        place = os.path.join(folder, path)
        if not path or "\0" in path:
            raise InputError(f"{self.place(line)}: {path!r:.80} is not a path")
        return place, os.path.realpath(place)

    def _read(self, place: str, line: int) -> bytes | None:
        """The bytes of a regular file, None where there is none."""
        if len(self._names) > MAX_FILES:
            raise InputError(f"{self.place(line)}: more than {MAX_FILES} files are named")
        try:
            # Without O_NONBLOCK a pipe that nobody writes to would hold the reader for ever.
            with open(os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return None
                data = file.read(self._left + 1)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise InputError(f"{self.place(line)}: cannot read {place}: {why}") from error
        self._left -= len(data)
        if self._left < 0:
            raise InputError(f"{self.place(line)}: the files that are named have more than {MAX_BYTES // 2**20} MiB")
        return data
