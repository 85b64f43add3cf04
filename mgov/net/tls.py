"""TLS on a non-blocking socket, and why it failed in words. Imported when the first https target appears."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from mgov.model.measurement import CLOSED, LOCAL_ERROR, PROTOCOL, RESET
from mgov.model.measurement import TLS as TLS_ERROR
from mgov.net.failure import CertificateRefused, ProbeFailed, is_shortage, translate

if TYPE_CHECKING:
    import socket

    from mgov.net.reactor import Task
    from mgov.net.target import Trust

    Contexts = dict[Trust, ssl.SSLContext]

_READ_BYTES = 16 * 1024
_OUT_OF_TIME = (9, 10)                          # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_REASONS = {
    "WRONG_VERSION_NUMBER": "the peer does not speak TLS",
    "UNSUPPORTED_PROTOCOL": "the peer speaks only a TLS version before 1.2",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the peer refuses TLS 1.2 and newer",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the peer found no common TLS settings",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the peer requires a client certificate",
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": "the peer does not speak HTTP/2 over TLS",       # gRPC alone asks for one
    "UNEXPECTED_EOF_WHILE_READING": "closed by the peer during the TLS handshake",
}


def context_for(built: Contexts, trust: Trust) -> ssl.SSLContext:
    """The context that trusts `ca_file`, or the system's authorities if that is ''; anybody if `insecure`.

    It shows the certificate in `cert_file`, if any, whose key is in `key_file` or in the same file. Kept in `built`,
    for reading certificates takes long. Raises ProbeFailed (local-error) for a file that does not serve.
    """
    context = built.get(trust)
    if context is None:
        context = built[trust] = _build(trust)
    return context


def _build(trust: Trust) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)       # TLS 1.2 or newer, certificate and name verified
    if trust.alpn:
        context.set_alpn_protocols(list(trust.alpn))
    if trust.cert_file:
        _show_certificate(context, trust.cert_file, trust.key_file)
    if trust.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust.ca_file:
        try:
            context.load_verify_locations(cafile=trust.ca_file)
        except OSError as error:        # ssl.SSLError is one
            detail = f"no certificates can be read from {trust.ca_file}: {_why(error)}"
            raise ProbeFailed(LOCAL_ERROR, detail, is_shortage=_is_short(error)) from error
    else:
        # Not load_default_certs: that lets SSL_CERT_FILE and SSL_CERT_DIR of a CI job decide whom mgov trusts.
        paths = ssl.get_default_verify_paths()
        cafile = paths.openssl_cafile if os.path.isfile(paths.openssl_cafile) else None
        capath = paths.openssl_capath if os.path.isdir(paths.openssl_capath) else None
        if cafile or capath:
            context.load_verify_locations(cafile, capath)
    return context


def _show_certificate(context: ssl.SSLContext, cert_file: str, key_file: str) -> None:
    is_encrypted = False

    def password() -> str:              # without this, OpenSSL would ask for one on the terminal
        nonlocal is_encrypted
        is_encrypted = True
        return ""

    try:
        context.load_cert_chain(cert_file, key_file or None, password=password)
    except OSError as error:
        files = f"{cert_file} and {key_file}" if key_file else cert_file
        why = "the key is encrypted" if is_encrypted else _why(error)
        detail = f"no client certificate with its key can be read from {files}: {why}"
        raise ProbeFailed(LOCAL_ERROR, detail, is_shortage=_is_short(error)) from error


def _is_short(error: OSError) -> bool:
    return not isinstance(error, ssl.SSLError) and is_shortage(error)      # OpenSSL's numbers are no errno


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason.lower().replace("_", " ") if error.reason else "no PEM file of that kind"
    return (error.strerror or str(error)).lower()


class TlsStream:
    """TLS over a connected socket that it takes over: close `sock`, not the one given."""

    __slots__ = ("_task", "sock")

    def __init__(self, task: Task, sock: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._task = task
        task.forget_socket()            # wrapping moves the descriptor to a new object
        try:
            self.sock = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        except (OSError, ValueError) as error:      # OSError: the peer was gone before a byte was sent
            raise failed_handshake(error, host) from error

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
            except OSError as error:
                raise failed_handshake(error, "") from error

    def certificate(self) -> bytes:
        """The peer's certificate in DER, verified or not; b'' if it showed none."""
        return self.sock.getpeercert(binary_form=True) or b""

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        while data:
            try:
                data = data[self.sock.send(data):]
            except ssl.SSLWantWriteError:
                await self._task.writable(self.sock)
            except ssl.SSLWantReadError:
                await self._task.readable(self.sock)
            except (ssl.SSLEOFError, ConnectionError) as error:
                raise self._parting() from error
            except ssl.SSLError as error:
                raise ProbeFailed(TLS_ERROR, _words(error)) from error
            except OSError as error:
                raise translate(error) from error

    def _parting(self) -> ProbeFailed:
        """Why the peer left while we spoke: its alert if that has come, as from a TLS 1.3 peer which our handshake did
        not satisfy and which tells us only after it (RFC 8446 section 4.4.2.4)."""
        try:
            self.sock.recv(1)
        except ssl.SSLError as error:
            if error.reason in _REASONS:
                return ProbeFailed(TLS_ERROR, _words(error))
        except OSError:
            pass
        return ProbeFailed(RESET, "connection closed by the peer while the request was sent")

    async def receive(self) -> bytes:
        """The next bytes; b'' at the peer's end."""
        while True:
            try:                        # first ask: decrypted bytes may wait in memory, where no selector sees them
                return self.sock.recv(_READ_BYTES)
            except ssl.SSLWantReadError:
                await self._task.readable(self.sock)
            except ssl.SSLWantWriteError:
                await self._task.writable(self.sock)
            except OSError as error:
                raise failed_read(error) from error


def failed_handshake(error: OSError | ValueError, host: str) -> Exception:
    """What an error of a TLS handshake with `host` means; `error` itself if nobody foresaw it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words = error.verify_message.rstrip(".") or "certificate not trusted"
        return CertificateRefused(TLS_ERROR, words, is_out_of_time=error.verify_code in _OUT_OF_TIME)
    if isinstance(error, ssl.SSLError):
        return ProbeFailed(TLS_ERROR, _words(error))
    if not isinstance(error, OSError):  # a host that cannot be a server name (RFC 6066 section 3)
        return ProbeFailed(TLS_ERROR, f"TLS cannot name the host {host[:80]}")
    known = translate(error)
    if isinstance(known, ProbeFailed) and known.code == RESET:
        return ProbeFailed(RESET, "connection reset by the peer during the TLS handshake")
    return known


def failed_read(error: OSError) -> Exception:
    """What an error while reading over TLS means; `error` itself if nobody foresaw it."""
    if isinstance(error, ssl.SSLEOFError):
        return ProbeFailed(CLOSED, "TLS closed by the peer without an answer")
    if isinstance(error, ssl.SSLError):
        return ProbeFailed(TLS_ERROR if error.reason in _REASONS else PROTOCOL, _words(error))
    return translate(error)


def _words(error: ssl.SSLError) -> str:
    reason = error.reason or _unnamed(error)
    return _REASONS.get(reason) or f"TLS failed: {reason.lower().replace('_', ' ')}"


def _unnamed(error: ssl.SSLError) -> str:
    """OpenSSL's reason where Python has no name for it: `[SSL] tlsv1 alert unknown psk identity (_ssl.c:1006)`."""
    said = str(error.args[-1] if error.args else error).rpartition("] ")[2].partition(" (_ssl.c")[0]
    return said.upper().replace(" ", "_")
