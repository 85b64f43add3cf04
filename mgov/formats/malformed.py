"""What every parser of foreign text raises, and the first look at its bytes.

Callers say what it means: damage (8) inside a store, invalid input (2) where a person gave the text.
"""

from __future__ import annotations

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 200


class Malformed(ValueError):
    """The text is not what it should be. `line` and `column` count from 1, in characters; 0 means unknown.

    `hint` says what to type next, where there is something to say.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint

    def at(self, path: str) -> str:
        """`path:line:column: message`, with what is known."""
        place = f":{self.line}:{self.column}" if self.line and self.column else f":{self.line}" if self.line else ""
        return f"{path}{place}: {self.message}"


def decode(data: bytes) -> str:
    """The text of UTF-8 bytes without a byte order mark or NUL; raise Malformed with the place."""
    if data.startswith(b"\xef\xbb\xbf"):
        raise Malformed("it begins with a byte order mark: save it as UTF-8 without BOM", 1, 1)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        raise Malformed("it is UTF-16 or UTF-32: save it as UTF-8", 1, 1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _place(data, error.start)
        raise Malformed("it is not valid UTF-8", line, column) from None
    nul = text.find("\0")
    if nul >= 0:
        raise Malformed("it holds a NUL character", *_place(data, data.index(b"\0")))
    return text


def _place(data: bytes, offset: int) -> tuple[int, int]:
    before = data[:offset]
    line_start = before.rfind(b"\n") + 1
    return before.count(b"\n") + 1, len(before[line_start:].decode("utf-8", "replace")) + 1
