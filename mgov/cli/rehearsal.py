"""call --dry-run and --curl: what would be sent, and nothing is."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from mgov.cli.view import Column, View
from mgov.errors import OK, UsageError
from mgov.model.names import DEFAULT_PORTS, authority
from mgov.model.units import format_duration
from mgov.net.exchange import METHODS_WITH_BODY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgov.cli.output import Output
    from mgov.errors import MgovError
    from mgov.governance.calls import Plan
    from mgov.model.call import Terms

_MASK = "***"
_SECRET_WORDS = ("authorization", "cookie", "token", "secret", "password", "api-key", "apikey")
_CONTINUE_BYTES = 1024 * 1024                   # from here on curl would ask first (Expect: 100-continue)
_COLUMNS = (Column("what"), Column("value"))


def rehearse(out: Output, plan: Plan, terms: Terms, refused: MgovError | None) -> int:
    """Say what would be sent; raise what would refuse it."""
    out.show(rehearsed(plan, terms))
    if refused is not None:
        raise refused
    return OK


def rehearsed(plan: Plan, terms: Terms) -> View:
    """What would be sent, and to whom: the first choice, then those that a retry may try."""
    headers = [[name, _masked(name, value)] for name, value in _headers(plan)]
    rows: list[tuple[str, Any]] = [("request", f"{plan.request.method} {_url(plan)}")]
    rows += [("header", f"{name}: {value}") for name, value in headers]
    rows += [
        ("body", f"{len(plan.call.body)} bytes"),
        ("instance", plan.members[0].instance.id),
        ("others", [member.instance.id for member in plan.members[1:]]),
        ("timeout", f"{format_duration(terms.timeout_s)} an attempt, {format_duration(terms.deadline_s)} in all"),
        ("retries", str(terms.retry_count)),
    ]
    data = {
        "service": plan.call.service, "method": plan.request.method, "url": _url(plan), "headers": headers,
        "body_bytes": len(plan.call.body), "instance": plan.members[0].instance.id,
        "others": [member.instance.id for member in plan.members[1:]], "timeout_s": terms.timeout_s,
        "deadline_s": terms.deadline_s, "retry_count": terms.retry_count,
    }  # fmt: skip
    from mgov.cli import printers
    from mgov.cli.text import clean

    view = View(_COLUMNS, rows, data, has_header=False)
    return view._replace(extras={"text": lambda: printers.table(view, (), printers.Look(None, False, clean))})


def curl_line(plan: Plan, terms: Terms, body_source: str, files: Mapping[str, Sequence[str]]) -> View:
    """The curl command that sends the same to the same instance, once, quoted for a POSIX shell.

    Headers that came from a file stay there (curl takes `-H @FILE` too, but drops those without a value); a secret
    that was typed is shown as `***`. UsageError for a HEAD with a body, which curl cannot send.
    """
    request = plan.request
    has_body = bool(plan.call.body) or request.method in METHODS_WITH_BODY
    if has_body and request.method == "HEAD":
        raise UsageError("curl sends no body with HEAD")
    words = ["curl", "-q", "-sS", "-g", "--path-as-is", "--noproxy", "*", "--max-time", f"{terms.timeout_s:g}"]
    if request.method == "HEAD":
        words.append("-I")
    elif request.method != ("POST" if has_body else "GET"):
        words += ["-X", request.method]
    in_files = [name for names in files.values() for name in names]
    for file in files:
        words += ["-H", file]
    names = {name.lower() for name, _ in _headers(plan)}
    for name, value in _headers(plan):
        if name in in_files and value:
            in_files.remove(name)
        elif (name, value) != ("Accept", "*/*"):
            words += ["-H", f"{name}: {_masked(name, value)}" if value else f"{name};"]
    if has_body:
        if "content-type" not in names:
            words += ["-H", "Content-Type:"]    # else curl says that it is a form
        if len(plan.call.body) >= _CONTINUE_BYTES:
            words += ["-H", "Expect:"]
        text = plan.call.body.decode("utf-8", "surrogateescape")
        words += ["--data-binary", body_source] if body_source else ["--data-raw", text]
    trust = request.trust
    for flag, file in (("--cacert", trust.ca_file), ("--cert", trust.cert_file), ("--key", trust.key_file)):
        words += [flag, file] if file else []
    words += ["-k"] if trust.insecure else []
    line = " ".join(shlex.quote(word) for word in (*words, _url(plan)))
    return View(data={"curl": line}, extras={"text": lambda: line})


def _headers(plan: Plan) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in plan.request.headers]


def _masked(name: str, value: str) -> str:
    return _MASK if any(word in name.lower() for word in _SECRET_WORDS) else value


def _url(plan: Plan) -> str:
    request = plan.request
    if request.port == DEFAULT_PORTS.get(request.scheme):
        place = f"[{request.host}]" if ":" in request.host else request.host
    else:
        place = authority(request.host, request.port)
    return f"{request.scheme}://{place}{request.target}"
