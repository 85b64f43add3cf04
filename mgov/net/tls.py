"""TLS on a non-blocking socket, and why it failed in words. Imported when the first https target appears."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from mgov.model.measurement import CLOSED, LOCAL_ERROR, PROTOCOL, RESET
from mgov.model.measurement import TLS as TLS_ERROR
from mgov.net.failure import ProbeFailed, translate

if TYPE_CHECKING:
    import socket

    from mgov.net.reactor import Task

    Contexts = dict[tuple[bool, str], ssl.SSLContext]

_READ_BYTES = 16 * 1024
_REASONS = {
    "WRONG_VERSION_NUMBER": "the peer does not speak TLS",
    "UNSUPPORTED_PROTOCOL": "the peer speaks only a TLS version before 1.2",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the peer refuses TLS 1.2 and newer",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the peer found no common TLS settings",
    "UNEXPECTED_EOF_WHILE_READING": "closed by the peer during the TLS handshake",
}


def context_for(built: Contexts, *, insecure: bool, ca_file: str) -> ssl.SSLContext:
    """The context that trusts `ca_file`, or the system's authorities if that is ''; anybody if `insecure`.

    Kept in `built`, for reading the certificates takes long. Raises ProbeFailed (local-error) for a bad `ca_file`.
    """
    key = (insecure, ca_file)
    context = built.get(key)
    if context is None:
        try:
            context = built[key] = _build(insecure=insecure, ca_file=ca_file)
        except OSError as error:        # ssl.SSLError is one
            raise ProbeFailed(LOCAL_ERROR, f"no certificates can be read from {ca_file}: {error}") from error
    return context


def _build(*, insecure: bool, ca_file: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)       # TLS 1.2 or newer, certificate and name verified
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_file:
        context.load_verify_locations(cafile=ca_file)
    else:
        # Not load_default_certs: that lets SSL_CERT_FILE and SSL_CERT_DIR of a CI job decide whom mgov trusts.
        paths = ssl.get_default_verify_paths()
        cafile = paths.openssl_cafile if os.path.isfile(paths.openssl_cafile) else None
        capath = paths.openssl_capath if os.path.isdir(paths.openssl_capath) else None
        if cafile or capath:
            context.load_verify_locations(cafile, capath)
    return context


class TlsStream:
    """TLS over a connected socket that it takes over: close `sock`, not the one given."""

    __slots__ = ("_task", "sock")

    def __init__(self, task: Task, sock: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._task = task
        task.forget_socket()            # wrapping moves the descriptor to a new object
        try:
            self.sock = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        except ValueError as error:     # a host that cannot be a server name (RFC 6066 section 3)
            raise ProbeFailed(TLS_ERROR, f"TLS cannot name the host {host[:80]}") from error
        except OSError as error:        # the peer was gone before a byte was sent
            raise translate(error) from error

    async def handshake(self) -> None:
        """Shake hands; raises ProbeFailed with the reason."""
        while True:
            try:
                self.sock.do_handshake()
                return
            except ssl.SSLWantReadError:
                await self._task.readable(self.sock)
            except ssl.SSLWantWriteError:
                await self._task.writable(self.sock)
            except ssl.SSLError as error:
                raise ProbeFailed(TLS_ERROR, _words(error)) from error
            except OSError as error:
                raise _lost(error) from error

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        while data:
            try:
                data = data[self.sock.send(data):]
            except ssl.SSLWantWriteError:
                await self._task.writable(self.sock)
            except ssl.SSLWantReadError:
                await self._task.readable(self.sock)
            except ssl.SSLError as error:
                raise ProbeFailed(TLS_ERROR, _words(error)) from error
            except OSError as error:
                raise translate(error) from error

    async def receive(self) -> bytes:
        """The next bytes; b'' at the peer's end."""
        while True:
            try:                        # first ask: decrypted bytes may wait in memory, where no selector sees them
                return self.sock.recv(_READ_BYTES)
            except ssl.SSLWantReadError:
                await self._task.readable(self.sock)
            except ssl.SSLWantWriteError:
                await self._task.writable(self.sock)
            except ssl.SSLEOFError as error:
                raise ProbeFailed(CLOSED, "TLS closed by the peer without an answer") from error
            except ssl.SSLError as error:
                raise ProbeFailed(PROTOCOL, _words(error)) from error
            except OSError as error:
                raise translate(error) from error


def _lost(error: OSError) -> Exception:
    known = translate(error)
    if isinstance(known, ProbeFailed) and known.code == RESET:
        return ProbeFailed(RESET, "connection reset by the peer during the TLS handshake")
    return known


def _words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message}".rstrip(".") or "certificate not trusted"
    reason = error.reason or ""
    return _REASONS.get(reason) or f"TLS failed: {reason.lower().replace('_', ' ') or error}"
