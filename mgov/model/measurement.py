"""What one probe measured; `model.judgement` says what follows from it."""

from mgov.model.record import NamedTuple

DNS, REFUSED, UNREACHABLE, TIMEOUT, RESET = "dns", "refused", "unreachable", "timeout", "reset"
TLS, PROTOCOL, HEADERS_TOO_LARGE, CLOSED = "tls", "protocol", "headers-too-large", "closed"
LOCAL_ERROR, UNFORESEEN, UNTRUSTED = "local-error", "unforeseen", "untrusted"
ERRORS = (DNS, REFUSED, UNREACHABLE, TIMEOUT, RESET, TLS, PROTOCOL, HEADERS_TOO_LARGE, CLOSED, LOCAL_ERROR, UNFORESEEN)

MAX_BODY_BYTES = 64 * 1024


class Measurement(NamedTuple):
    """What one probe measured, without judgement.

    `error` is '' when the probe got all that a judgement needs, else one of ERRORS, and `detail` says it in words.
    Phases are milliseconds and None when not reached: `dns_ms`, `connect_ms` and `tls_ms` last as long as they say,
    `first_byte_ms` and `total_ms` count from the start. `address` is the `ip:port` that was connected to (or tried
    last). `reason_phrase`, `location`, `body`, `headers` and the certificate's names are foreign text. `body` (up to
    64 KiB) and `headers` (lower-cased names) are kept on request only; so is the peer's certificate, and that of a
    peer which is refused because it has expired. `cert_expires_at` is in seconds since the epoch. `is_shortage` says of
    a local error that it may pass when fewer probes run at once.
    """

    error: str
    detail: str = ""
    status_code: "int | None" = None
    reason_phrase: str = ""
    dns_ms: "float | None" = None
    connect_ms: "float | None" = None
    tls_ms: "float | None" = None
    first_byte_ms: "float | None" = None
    total_ms: "float | None" = None
    address: str = ""
    body: bytes = b""
    location: str = ""
    body_bytes: int = 0
    is_body_cut: bool = False
    headers: "tuple[tuple[str, str], ...]" = ()
    cert_expires_at: "float | None" = None
    cert_subject: str = ""
    cert_issuer: str = ""
    is_shortage: bool = False

    @property
    def is_local(self) -> bool:
        """Whether this machine failed (file limit, no free port): nothing was learnt about the target.

        Callers store nothing for such a measurement and say so.
        """
        return self.error == LOCAL_ERROR
