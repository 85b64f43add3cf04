"""A file that a person asked for, such as a report, outside of any store: written whole or not at all, or added to."""

from __future__ import annotations

import errno
import os
import stat

from mgov.errors import OutputError
from mgov.store.folder import write_all

_LONGEST_NUMBER = 10                            # digits; beyond, it is no descriptor


def write_whole(path: str, data: str | bytes, *, mode: int | None = None) -> None:
    """Put `data` at `path`: who reads it sees the file that was there or the new one, flushed to the disk.

    A symbolic link stays and what it points to is replaced; a pipe or a device is written to as it is, and so is one of
    our own streams (/dev/stdout), also where it leads to a file: that is not ours to replace.
    The file keeps the mode that it had; a new one gets `mode` [0666 less the umask]. Raise OutputError naming `path`;
    then what was there is as it was.
    """
    content = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
    number = _stream_of(path)
    try:
        if number is not None:
            write_all(number, content)
            return
        before = _stat(path)
        if before is None or stat.S_ISREG(before.st_mode):
            kept_mode = stat.S_IMODE(before.st_mode) if before is not None else None
            _replace(os.path.realpath(path), content, mode, kept_mode)
        else:
            _write_through(path, content)
    except (OSError, ValueError) as error:              # ValueError: a NUL in the path
        raise _not_written(path, error) from error


def check_place(path: str) -> None:
    """Raise OutputError if it can be seen beforehand that `write_whole` would fail, before there is work to lose."""
    if _stream_of(path) is not None:
        return
    place = os.path.realpath(path)
    folder = os.path.dirname(place)
    if os.path.isdir(place):
        code = errno.EISDIR
    elif os.path.exists(place) and not os.path.isfile(place):
        return
    elif not os.path.isdir(folder):
        code = errno.ENOTDIR if os.path.exists(folder) else errno.ENOENT
    elif not os.access(folder, os.W_OK | os.X_OK):
        code = errno.EACCES
    else:
        return
    raise _not_written(path, OSError(code, os.strerror(code)))


def append_to(path: str, text: str) -> None:
    """Add `text` to the end of the file at `path`, which is made if it is not there; nothing else of it is touched.

    It is for files that others add to as well, such as the summary of a job. Raise OutputError naming `path`; then a
    part of `text` may be there.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            write_all(descriptor, text.encode("utf-8", "backslashreplace"))
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise _not_written(path, error) from error


def _stream_of(path: str) -> int | None:
    """The descriptor that `path` names, such as 1 for /dev/stdout and /dev/fd/1; None where it names a file."""
    folder, _, name = path.rpartition("/")
    if folder in ("/dev/fd", "/proc/self/fd") and name.isascii() and name.isdigit() and len(name) < _LONGEST_NUMBER:
        return int(name)
    return {"/dev/stdout": 1, "/dev/stderr": 2}.get(path)


def _not_written(path: str, error: OSError | ValueError) -> OutputError:
    reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return OutputError(f"{path} could not be written: {reason[:1].lower()}{reason[1:]}")


def _stat(place: str) -> os.stat_result | None:
    try:
        return os.stat(place)
    except FileNotFoundError:
        return None


def _replace(place: str, content: bytes, mode: int | None, kept_mode: int | None) -> None:
    folder = os.path.dirname(place)
    # The name is short, for the target's may already be as long as names can be, and new, for two may write at once.
    temp = os.path.join(folder, f".mgov-{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temp, flags, 0o666 if mode is None else mode)
    try:
        try:
            exact = mode if mode is not None else kept_mode
            if exact is not None:
                os.fchmod(descriptor, exact)
            write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temp, place)
    except BaseException:
        _unlink(temp)
        raise
    _flush_folder(folder)


def _unlink(temp: str) -> None:
    try:
        os.unlink(temp)
    except OSError:
        pass


def _flush_folder(folder: str) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:                     # a folder that may be written but not read: the name is in place all the same
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_through(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)
