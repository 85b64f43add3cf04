"""What a call brought: the body on stdout, what is said of it on stderr, and the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.cli import printers
from mgov.cli.output import Output
from mgov.cli.text import clean
from mgov.cli.view import Column, View
from mgov.errors import OK, RemoteError
from mgov.model.call import FROM_LAST_GOOD, FROM_URL, MAX_BODY_BYTES
from mgov.model.units import format_age, format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.model.call import Called
    from mgov.model.retry import Attempt

TEXT_FORMAT, JSON_FORMAT = FORMATS = ("text", "json")
_ATTEMPT_COLUMNS = (
    Column("attempt", align="right"), Column("instance"), Column("url"), Column("status"),
    Column("ms", align="right"), Column("breaker"), Column("detail"),
)  # fmt: skip


def show(out: Output, called: Called, *, has_head: bool) -> None:
    """Print the answer in the settled format, and on stderr where it came from."""
    if out.format == JSON_FORMAT:
        out.show(View(data=document(called)))
    elif out.is_terminal:
        _show_safely(out, called, has_head=has_head)
    else:
        out.write_bytes((head_of(called) if has_head else b"") + called.body)
    if called.is_fallback:
        out.warn(f"{called.failure}; {_stand_in(called)}")
    else:
        again = f", attempt {len(called.attempts)}" if len(called.attempts) > 1 else ""
        out.note(f"{_status_line(called)} from {called.instance} in {called.latency_ms:.1f} ms{again}")
        if called.failure:
            out.warn(called.failure)
    location = called.header("location")
    if 300 <= called.status_code < 400 and location:
        out.note(f"it redirects to {location}, which is not followed")


def judge(called: Called, fail_on: int, max_body_bytes: int) -> int:
    """0, or RemoteError for a body that was cut, or a status from `fail_on` on (0: none)."""
    if called.is_cut:
        raise RemoteError(
            f"the answer of {called.service} is longer than {format_size(max_body_bytes)}, the rest of it was not read",
            hint=f"--max-body {format_size(max_body_bytes * 4 or MAX_BODY_BYTES)}",
        )
    if fail_on and called.status_code >= fail_on:
        hint = f"mgov health {called.service}"
        if 400 <= called.status_code < 500:             # the service may be well: it is the request that it refuses
            hint = "see what is sent with --curl; --fail-on 500 lets a 4xx pass"
        raise RemoteError(f"{called.service} answered {_status_line(called)}", hint=hint)
    return OK


def tell_attempts(out: Output, attempts: Sequence[Attempt]) -> None:
    """With -v, the attempts as a table on stderr."""
    if out.is_verbose and attempts:
        rows = [
            (a.number, a.instance, a.url, a.status_code or "-", f"{a.latency_ms:.1f}", a.breaker or "-", _detail(a))
            for a in attempts
        ]
        look = printers.Look(None, False, clean)
        for line in printers.table(View(_ATTEMPT_COLUMNS, rows), (), look).splitlines():
            out.detail(line.rstrip())


def _detail(attempt: Attempt) -> str:
    after_s = attempt.retry_after_s
    return attempt.detail or (f"asks to come back in {format_duration(after_s)}" if after_s is not None else "")


def head_of(called: Called) -> bytes:
    """The answer's head as HTTP/1.1 writes it; a fallback says in it that it is one."""
    lines = [f"HTTP/1.1 {called.status_code} {called.reason}".rstrip()]
    lines += [f"{name}: {value}" for name, value in called.headers]
    if called.is_fallback:
        age = f"; age={int(called.age_s)}" if called.age_s is not None else ""
        lines.append(f"X-Mgov-Fallback: {called.source}{age}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def document(called: Called) -> dict[str, Any]:
    """The answer in JSON. A body that is no UTF-8 stands in `body_base64`, and `body` is null."""
    try:
        text, encoded = called.body.decode(), None
    except UnicodeDecodeError:
        from base64 import b64encode

        text, encoded = None, b64encode(called.body).decode()
    return {
        "service": called.service,
        "instance": called.instance,
        "url": called.url,
        "status": called.status_code,
        "reason": called.reason,
        "headers": [list(pair) for pair in called.headers],
        "body": text,
        "body_base64": encoded,
        "is_cut": called.is_cut,
        "latency_ms": round(called.latency_ms, 3),
        "request_id": called.request_id,
        "is_fallback": called.is_fallback,
        "source": called.source,
        "failure": called.failure,
        "age_s": round(called.age_s, 3) if called.age_s is not None else None,
        "attempts": [
            {
                "number": a.number, "instance": a.instance, "url": a.url, "status": a.status_code, "error": a.error,
                "detail": a.detail, "latency_ms": round(a.latency_ms, 3), "breaker": a.breaker,
                "retry_after_s": a.retry_after_s,
            }
            for a in called.attempts
        ],
    }  # fmt: skip


def _show_safely(out: Output, called: Called, *, has_head: bool) -> None:
    head = head_of(called).decode("latin-1").replace("\r\n", "\n") if has_head else ""
    if b"\0" in called.body:
        out.write(clean(head, "\n"))
        out.note(f"{len(called.body)} bytes that are no text are not shown: pipe them, or -o json")
        return
    body = called.body.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    out.write(clean(head + body + ("" if body.endswith("\n") or not body else "\n"), "\n\t"))


def _status_line(called: Called) -> str:
    return f"HTTP {called.status_code} {called.reason}".rstrip()


def _stand_in(called: Called) -> str:
    if called.source == FROM_LAST_GOOD:
        return f"this is its last good answer, {format_age(called.age_s or 0.0)} old"
    return f"this comes from {called.url}" if called.source == FROM_URL else "this is the fallback given"
