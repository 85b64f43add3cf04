"""call: a protected request to a service. The body goes to stdout as it came, everything else to stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mgov.cli.answers import FORMATS, judge, show, tell_attempts
from mgov.cli.inputs import read_bytes
from mgov.cli.options import Context, command
from mgov.cli.tls import CaCert, Cert, Insecure, Key, trust_of
from mgov.cli.view import View
from mgov.errors import InputError, UsageError
from mgov.model.call import DEADLINE_S, Call, Terms, parse_header, target_of
from mgov.model.record import NamedTuple
from mgov.model.units import parse_duration, parse_size

if TYPE_CHECKING:
    from mgov.model.retry import Attempt

SPARED_S = 0.1                                  # of --deadline, so that a call that ran out of time can still say so


class Body(NamedTuple):
    """What -d names: its bytes, and how curl would be told of them."""

    data: bytes = b""
    source: str = ""


@command(
    "mgov call orders/items",
    "mgov call orders/items -d @order.json --idempotent --timeout 2s",
    "mgov call orders/items --stale-if-error 5m -o json",
    formats=FORMATS,
)
def call(
    ctx: Context,
    target: Annotated[str, typer.Argument(metavar="NAME[/PATH]", help="A service, and what of it")],
    method: Annotated[str, typer.Option("--method", "-X", help="The method [GET, with -d POST]")] = "",
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", metavar="K:V|@FILE", help="A header, or a file's; repeat")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", "-d", metavar="TEXT|@FILE|@-", help="The body, from a file or from stdin")
    ] = None,
    query: Annotated[list[str] | None, typer.Option(metavar="K=V", help="Add to the query, quoted; repeat")] = None,
    as_: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The service that calls, in X-Service-ID [MGOV_SERVICE]")
    ] = "",
    timeout: Annotated[str, typer.Option(metavar="DURATION", help="How long one attempt may take")] = "10s",
    retry: Annotated[int, typer.Option(metavar="N", min=0, max=100, help="How often to try again, elsewhere")] = 3,
    idempotent: Annotated[bool, typer.Option("--idempotent", help="It may be sent twice, whatever the method")] = False,
    no_breaker: Annotated[bool, typer.Option("--no-breaker", help="Neither ask nor tell a circuit breaker")] = False,
    no_limit: Annotated[bool, typer.Option("--no-limit", help="Ask no rate limiter")] = False,
    prefer_zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="An instance there while one may be used [MGOV_ZONE]")
    ] = None,
    fallback: Annotated[
        str, typer.Option(metavar="URL|FILE", help="What stands in when the service fails")
    ] = "",
    stale_if_error: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Let the last good answer, up to that old, stand in")
    ] = None,
    fail_on: Annotated[int, typer.Option(metavar="STATUS", help="Exit 7 from this HTTP status on; 0 for never")] = 400,
    max_body: Annotated[str, typer.Option(metavar="SIZE", help="Cut a longer answer")] = "16MiB",
    include: Annotated[bool, typer.Option("--include", "-i", help="Print the answer's head too")] = False,
    curl: Annotated[bool, typer.Option("--curl", help="Print the equal curl line, send nothing")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent where, send nothing")] = False,
    insecure: Insecure = False,
    cacert: CaCert = "",
    cert: Cert = "",
    key: Key = "",
) -> View | int:
    """Send a request to a healthy instance, under rate limit, circuit breaker and deadline; try others when it fails.

    The body goes to stdout as it came. Redirects are not followed. --deadline [30s] covers all attempts; -v shows them.
    A fallback is said on stderr, in the head (-i) and in JSON. --dry-run exits with 6 where the call would be refused.
    """
    session = ctx.obj
    name, path = _split(target)
    if "://" in target:
        raise UsageError("call takes a service's name, not a URL", hint="mgov call NAME/PATH, or curl for a bare URL")
    body = _body(data)
    headers, files = _headers(header or [])
    wanted = Call(
        name, method or ("POST" if data is not None else "GET"), target_of(path, _query(query or [])),
        headers, body.data,
    )  # fmt: skip
    deadline_s = DEADLINE_S if session.deadline_s is None else session.deadline_s
    terms = Terms(
        timeout_s=parse_duration(timeout),
        deadline_s=deadline_s,
        spare_s=min(SPARED_S, deadline_s / 2) if session.deadline_s is not None else 0.0,
        retry_count=retry,
        is_repeatable=idempotent,
        has_breaker=not no_breaker,
        has_limit=not no_limit,
        zone=session.environ.get("MGOV_ZONE", "") if prefer_zone is None else prefer_zone,
        caller=as_ or session.environ.get("MGOV_SERVICE", ""),
        max_body_bytes=parse_size(max_body),
        stale_if_error_s=parse_duration(stale_if_error) if stale_if_error is not None else None,
        fallback_url=fallback if "://" in fallback else "",
        fallback_body=read_bytes(fallback) if fallback and "://" not in fallback else None,
    )
    trust = trust_of(cacert, cert, key, insecure=insecure)
    calls = session.platform().calls
    if curl or dry_run:
        from mgov.cli.rehearsal import curl_line, rehearse

        plan = calls.plan(wanted, terms, trust=trust)
        if curl:
            return curl_line(plan, terms, body.source, files)
        return rehearse(session.out, plan, terms, calls.refusal(name, terms))
    attempts: list[Attempt] = []
    try:
        called = calls.send(wanted, terms, trust=trust, on_attempt=attempts.append)
    finally:
        tell_attempts(session.out, attempts)
    show(session.out, called, has_head=include)
    return judge(called, fail_on, terms.max_body_bytes)


def _split(target: str) -> tuple[str, str]:
    """The service's name, and what of it is asked for: `orders?page=2` is a query of its root, as in a URL."""
    cut = next((place for place, c in enumerate(target) if c in "/?#"), len(target))
    return target[:cut], target[cut:]


def _body(data: str | None) -> Body:
    if data is None:
        return Body()
    if data.startswith("@"):
        return Body(read_bytes(data[1:]), data)
    return Body(data.encode("utf-8", "surrogateescape"), "")


def _headers(items: list[str]) -> tuple[tuple[tuple[str, str], ...], dict[str, list[str]]]:
    """The headers that -H gives, and the names that came from each file."""
    headers: list[tuple[str, str]] = []
    files: dict[str, list[str]] = {}
    for item in items:
        if not item.startswith("@"):
            headers.append(parse_header(item))
            continue
        found = _headers_in(item[1:])
        headers += found
        files[item] = [name for name, _ in found]
    return tuple(headers), files


def _headers_in(path: str) -> list[tuple[str, str]]:
    """The headers in a file, one a line; InputError names the line, and never shows it: it may hold a secret."""
    found = []
    text = read_bytes(path).decode("utf-8", "surrogateescape")
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if line.strip():
            try:
                found.append(parse_header(line))
            except UsageError:
                raise InputError(f"{path}:{number}: not a header", hint="write it like X-Name: value") from None
    return found


def _query(items: list[str]) -> list[tuple[str, str]]:
    pairs = []
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise UsageError(f"--query takes K=V, not {item[:80]!r}")
        pairs.append((key, value))
    return pairs
