"""A call: what is asked of a service, under which terms, and what came of it."""

from mgov.errors import UsageError
from mgov.model.health import DEGRADED, STARTING, UNHEALTHY, USABLE
from mgov.model.names import DEFAULT_PORTS, check_name, split_url
from mgov.model.record import NamedTuple
from mgov.model.retry import IDEMPOTENT, RETRY_COUNT, TOO_MANY, Attempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Headers = tuple[tuple[str, str], ...]

TIMEOUT_S = 10.0
DEADLINE_S = 30.0
MAX_BODY_BYTES = 16 * 1024 * 1024
FROM_INSTANCE, FROM_LAST_GOOD, FROM_URL, FROM_FILE = "instance", "last-good", "url", "file"

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_OWN = frozenset({"content-length", "transfer-encoding", "connection", "te", "upgrade", "expect"})
TRACE_HEADERS = (("traceparent", "TRACEPARENT"), ("tracestate", "TRACESTATE"))


class Call(NamedTuple):
    """One request to a service, whichever instance gets it. `target` is the path with its query, as it is sent."""

    service: str
    method: str = "GET"
    target: str = "/"
    headers: "Headers" = ()
    body: bytes = b""


class Terms(NamedTuple):
    """How a call is protected. Times are seconds.

    `timeout_s` is one attempt, `deadline_s` all of them with their pauses and the fallback's URL; of it `spare_s` are
    left to who must still say what came. `is_repeatable` says that sending the request twice does no harm, whatever
    its method. `stale_if_error_s` lets the last good answer, up to that old, stand in for a failure, and keeps this
    one; then `fallback_url` or `fallback_body`. `caller` is the service that calls, `zone` where it is: instances
    there come first. The answer's body is cut at `max_body_bytes`.
    """

    timeout_s: float = TIMEOUT_S
    deadline_s: float = DEADLINE_S
    retry_count: int = RETRY_COUNT
    is_repeatable: bool = False
    has_breaker: bool = True
    has_limit: bool = True
    caller: str = ""
    max_body_bytes: int = MAX_BODY_BYTES
    stale_if_error_s: "float | None" = None
    fallback_url: str = ""
    fallback_body: "bytes | None" = None
    zone: str = ""
    spare_s: float = 0.0


DEFAULT_TERMS = Terms()


class Called(NamedTuple):
    """An answer, whatever its status. `headers` are latin-1 text in their order, `body` is as it came.

    `source` is instance, or what stood in for it: last-good, url or file; then `failure` says why, and `age_s` how
    old the last good answer is. Of an instance's answer it says why the fallback's URL did not stand in for it.
    `is_cut` when the body was longer than allowed.
    """

    service: str
    status_code: int
    reason: str = ""
    headers: "Headers" = ()
    body: bytes = b""
    instance: str = ""
    url: str = ""
    request_id: str = ""
    latency_ms: float = 0.0
    attempts: "tuple[Attempt, ...]" = ()
    is_cut: bool = False
    source: str = FROM_INSTANCE
    failure: str = ""
    age_s: "float | None" = None

    @property
    def is_fallback(self) -> bool:
        """Whether this is a stand-in, not what an instance answered to this call."""
        return self.source != FROM_INSTANCE

    @property
    def is_failure(self) -> bool:
        """Whether the service failed to serve, so that a fallback may stand in: 5xx, or 429."""
        return self.status_code >= 500 or self.status_code == TOO_MANY

    @property
    def text(self) -> str:
        """The body as UTF-8, what is none of it replaced."""
        return self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str:
        """The first header of that name, whatever its case; '' for none."""
        return first(self.headers, name)


def first(headers: "Iterable[tuple[str, str]]", name: str) -> str:
    """The first value under `name` (lower case), whatever the case it has; '' for none."""
    name = name.lower()
    return next((value for key, value in headers if key.lower() == name), "")


# -- what may be sent


def check_call(call: Call) -> Call:
    """Return `call` if it can be sent; raise UsageError naming what cannot: CR, LF and NUL go nowhere."""
    check_name(call.service)
    if not call.method or not _TOKEN.issuperset(call.method):
        raise UsageError(f"{call.method[:40]!r} is not a method", hint="such as GET or POST")
    if call.method == "CONNECT":
        raise UsageError("CONNECT opens a tunnel, which a call is not")
    check_target(call.target)
    for name, value in call.headers:
        check_header(name, value)
    return call


def check_terms(terms: Terms) -> Terms:
    """Return `terms` if they can be kept; raise UsageError."""
    if terms.timeout_s <= 0 or terms.deadline_s <= 0:
        raise UsageError("a call needs some time: its timeout and its deadline must be more than 0s")
    if not 0 <= terms.spare_s < terms.deadline_s:
        raise UsageError("what a deadline spares is less than all of it")
    if terms.retry_count < 0 or terms.max_body_bytes < 0:
        raise UsageError("retries and body bytes cannot be fewer than none")
    if terms.caller:
        check_name(terms.caller)
    if terms.fallback_url:
        if terms.fallback_url.partition("://")[0].lower() not in DEFAULT_PORTS:
            raise UsageError(f"{terms.fallback_url[:80]!r} cannot stand in: a fallback speaks http or https")
        split_url(terms.fallback_url)
    return terms


def check_target(target: str) -> str:
    """Return `target` if it is a path with an optional query, in ASCII (RFC 9112 section 3.2.1)."""
    if not target.startswith("/"):
        raise UsageError(f"{target[:80]!r} is not a path: it begins with /")
    if not target.isascii() or not target.isprintable() or " " in target:
        raise UsageError(f"{target[:80]!r} holds a character that a URL cannot", hint="write it as %XX")
    if "#" in target:
        raise UsageError(f"{target[:80]!r} has a fragment, which no server ever sees", hint="for a literal '#': %23")
    return target


def target_of(path: str, query: "Sequence[tuple[str, str]]" = ()) -> str:
    """The target of a path as a person writes it, and query pairs as they are meant: quoted as UTF-8 (RFC 3986)."""
    if not path.startswith("/"):
        path = f"/{path}"
    if not path.isascii():
        path = "".join(c if c.isascii() else _quoted(c) for c in path)
    if query:
        pairs = "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in query)
        path += ("&" if path.partition("?")[2] else "" if path.endswith("?") else "?") + pairs
    return check_target(path)


def _quoted(text: str) -> str:
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in to_bytes(text))


def to_bytes(text: str) -> bytes:
    """The UTF-8 of `text`; bytes of the command line that were none stay what they were. UsageError for no text."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise UsageError(f"{text[:80]!r} is not text") from None


def check_header(name: str, value: str) -> None:
    """Raise UsageError unless the header can be sent (RFC 9110 section 5.1 and 5.5) and is the caller's to give."""
    if not name or not _TOKEN.issuperset(name):
        raise UsageError(f"{name[:40]!r} is not a header's name", hint="write it like 'X-Name: value'")
    if name.lower() in _OWN:
        raise UsageError(f"{name} belongs to the connection, and is not a caller's to give")
    if any(c in "\r\n\0" for c in value):
        raise UsageError(f"the value of {name} holds a line break or NUL")
    to_bytes(value)


def parse_header(line: str) -> tuple[str, str]:
    """(name, value) of `Name: value`; raise UsageError, without the value: it may be a secret."""
    name, colon, value = line.partition(":")
    if not colon:
        raise UsageError(f"a header has no colon after {name[:20]!r}", hint="write it like 'X-Name: value'")
    check_header(name, value)
    return name, value.strip(" \t")


def is_json(body: bytes) -> bool:
    """Whether a body without a stated type is taken for JSON: it begins like an object or a list."""
    return body.lstrip()[:1] in (b"{", b"[")


def outgoing(call: Call, terms: Terms, environ: "Mapping[str, str]", new_id: str) -> "Headers":
    """The headers that `call` goes out with, the same on each attempt: the caller's, and those they left out.

    X-Request-ID (`new_id`), X-Service-ID, the trace context of the environment (W3C), and an Idempotency-Key where a
    method that is not idempotent may be sent twice. What a caller gave is never replaced.
    """
    given = {name.lower() for name, _ in call.headers}
    added = [("X-Request-ID", new_id), ("User-Agent", "mgov"), ("Accept", "*/*")]
    if terms.caller:
        added.append(("X-Service-ID", terms.caller))
    added += [(name, environ[key]) for name, key in TRACE_HEADERS if _is_plain(environ.get(key, ""))]
    if call.method not in IDEMPOTENT and terms.is_repeatable and terms.retry_count:
        added.append(("Idempotency-Key", new_id))
    if call.body and is_json(call.body):
        added.append(("Content-Type", "application/json"))
    return (*call.headers, *(pair for pair in added if pair[0].lower() not in given))


def _is_plain(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()


# -- who may serve


def tier(status: str, *, is_stale: bool) -> "int | None":
    """How early an instance of that health is tried: 0 first; None for one that must not be.

    A call never probes. What nobody has looked at (starting), or not lately (stale), may serve, for the call itself
    will tell: an instance that was unhealthy when somebody last looked is tried when there is nothing better.
    """
    if status in USABLE or status == STARTING:
        return 0
    if status == DEGRADED:
        return 1
    return 2 if status == UNHEALTHY and is_stale else None
