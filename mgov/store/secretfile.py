"""The file that a reference names: read whole, as text, without its last line break."""

from __future__ import annotations

import os

from mgov.errors import InputError, NotFound
from mgov.model.setting import MAX_VALUE_BYTES


def read_secret(path: str, key: str) -> str:
    """The text in the file at `path`; raise NotFound where it is not there, InputError where it is none. Both name
    `key`, which refers to it.
    """
    try:
        # Without O_NONBLOCK a pipe that nobody writes to would hold the reader for ever.
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            data = file.read(MAX_VALUE_BYTES + 1) or b""
    except FileNotFoundError:
        raise NotFound(f"{key} is kept in {path}, which is not there") from None
    except OSError as error:
        raise InputError(f"{key} is kept in {path}: {(error.strerror or str(error)).lower()}") from error
    if len(data) > MAX_VALUE_BYTES:
        raise InputError(f"{key} is kept in {path}, which is larger than {MAX_VALUE_BYTES} bytes")
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InputError(f"{key} is kept in {path}, which is not UTF-8 text") from None
