"""Why a probe ended without an answer: foreign errors in mgov's words."""

from __future__ import annotations

import errno
import os

from mgov.model.measurement import LOCAL_ERROR, REFUSED, RESET, TIMEOUT, UNREACHABLE

_KNOWN = {
    errno.ECONNREFUSED: (REFUSED, "connection refused"),
    errno.ECONNRESET: (RESET, "connection reset by the peer"),
    errno.EPIPE: (RESET, "connection closed by the peer while the request was sent"),
    errno.ECONNABORTED: (RESET, "connection aborted"),
    errno.ETIMEDOUT: (TIMEOUT, "connection timed out in the network"),
    errno.EHOSTUNREACH: (UNREACHABLE, "no route to the host"),
    errno.ENETUNREACH: (UNREACHABLE, "network unreachable"),
    errno.EHOSTDOWN: (UNREACHABLE, "host is down"),
    errno.EMFILE: (LOCAL_ERROR, "this process has no file descriptor left (ulimit -n)"),
    errno.ENFILE: (LOCAL_ERROR, "this machine has no file descriptor left"),
    errno.EADDRNOTAVAIL: (LOCAL_ERROR, "this machine has no free local port or address for the target"),
    errno.ENOBUFS: (LOCAL_ERROR, "this machine has no buffer space left"),
    errno.ENOMEM: (LOCAL_ERROR, "this machine has no memory left"),
    errno.ENETDOWN: (LOCAL_ERROR, "this machine's network is down"),
    errno.EACCES: (LOCAL_ERROR, "this machine does not permit the connection"),
    errno.EPERM: (LOCAL_ERROR, "this machine does not permit the connection"),
    errno.EAFNOSUPPORT: (LOCAL_ERROR, "this machine does not speak the address's protocol"),
}


# What the probes still running give back as they end. EAGAIN is a fork's: no process is left to this user.
_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN}


class ProbeFailed(Exception):
    """A probe ended without what a judgement needs: `code` is one of `mgov.model.measurement.ERRORS`.

    `is_shortage` says that this machine was short of something that other probes held.
    """

    def __init__(self, code: str, detail: str, *, is_shortage: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.is_shortage = is_shortage


class CertificateRefused(ProbeFailed):
    """The peer's certificate did not verify; `is_out_of_time` when that is because it expired or is not valid yet."""

    def __init__(self, code: str, detail: str, *, is_out_of_time: bool) -> None:
        super().__init__(code, detail)
        self.is_out_of_time = is_out_of_time


def failed_with(number: int) -> ProbeFailed | None:
    """The failure that errno `number` means, or None if it is not one of the network's."""
    known = _KNOWN.get(number)
    return ProbeFailed(*known, is_shortage=number in _SHORTAGES) if known is not None else None


def is_shortage(error: OSError) -> bool:
    """Whether `error` says that too much is held at once, and not that something is missing for good."""
    return error.errno in _SHORTAGES


def translate(error: OSError) -> Exception:
    """`error` as a ProbeFailed, or itself if nobody foresaw it."""
    return failed_with(error.errno or 0) or error


def connect_failure(number: int) -> Exception:
    """What a connect that ended with errno `number` raises."""
    return failed_with(number) or OSError(number, os.strerror(number))
