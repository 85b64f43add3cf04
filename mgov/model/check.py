"""Checks as people write them: a path, a URL, a word, a command line, or a table of a manifest."""

from mgov.errors import UsageError
from mgov.model.health import (
    COMMAND,
    DEFAULT_INTERVAL_S,
    DEFAULT_TIMEOUT_S,
    GRPC,
    GRPCS,
    HTTP,
    HTTPS,
    NONE,
    TCP,
    TLS,
    Check,
)
from mgov.model.names import authority, split_url
from mgov.model.units import parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_SPOKEN = (HTTP, HTTPS, TCP, TLS, GRPC, GRPCS)

def parse_check(
    text: str,
    *,
    protocol: str,
    host: str,
    port: int,
    interval_s: float = DEFAULT_INTERVAL_S,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> Check:
    """The check that `text` names for an instance: a path, an absolute URL, tcp, tls, grpc(s), `command:...` or none.

    A path is fetched over the instance's own protocol when that is http or https, else over http.
    """
    if interval_s < 0.1 or timeout_s < 0.001:
        raise UsageError("a check needs an interval of at least 100ms and a timeout of at least 1ms")
    if text == NONE:
        return Check(NONE, "", interval_s, timeout_s)
    if text in (TCP, TLS, GRPC, GRPCS):
        return Check(text, f"{text}://{authority(host, port)}", interval_s, timeout_s)
    if text.startswith(f"{COMMAND}:"):
        from mgov.model.command import command_url

        return Check(COMMAND, command_url(text), interval_s, timeout_s)
    if text.startswith("/"):
        scheme = HTTPS if protocol == HTTPS else HTTP
        return parse_check_url(f"{scheme}://{authority(host, port)}{text}", interval_s=interval_s, timeout_s=timeout_s)
    if "://" in text:
        return parse_check_url(text, interval_s=interval_s, timeout_s=timeout_s)
    raise UsageError(
        f"{text[:80]!r} is not a health check",
        hint="a path such as /health, an absolute URL, tcp, tls, grpc, grpcs, command:CMD or none",
    )


def parse_check_url(
    text: str, *, interval_s: float = DEFAULT_INTERVAL_S, timeout_s: float = DEFAULT_TIMEOUT_S
) -> Check:
    """The check of a bare URL: http, https, tcp, grpc, grpcs (the path names a service), or tls for a certificate."""
    named, found, _ = text.partition("://")
    if found and named.lower() not in _SPOKEN:          # before the port that such a URL may lack
        raise UsageError(f"{text[:80]!r} cannot be checked", hint="checks speak http, https, tcp, tls, grpc and grpcs")
    scheme, host, port, path = split_url(text)
    if scheme in (TCP, TLS):
        if path not in ("", "/"):
            raise UsageError(f"{text[:80]!r} is a {scheme} check and can have no path")
        return Check(scheme, f"{scheme}://{authority(host, port)}", interval_s, timeout_s)
    if scheme in (GRPC, GRPCS):
        return Check(scheme, f"{scheme}://{authority(host, port)}{path if path != '/' else ''}", interval_s, timeout_s)
    return Check(scheme, f"{scheme}://{authority(host, port)}{path or '/'}", interval_s, timeout_s)


def parse_check_table(table: "Mapping[str, Any]", *, protocol: str, host: str, port: int) -> Check:
    """The check of a manifest's `health` table: `check` (see `parse_check`), `interval`, `timeout`, `expect`."""
    unknown = sorted(set(table) - {"check", "interval", "timeout", "expect"})
    if unknown:
        raise UsageError(f"health has no key {unknown[0]!r:.80}", hint="it takes check, interval, timeout and expect")
    durations = {}
    for key, default in (("interval", DEFAULT_INTERVAL_S), ("timeout", DEFAULT_TIMEOUT_S)):
        value = table.get(key)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"health.{key} must be a duration in quotes, not {value!r:.40}", hint='such as "10s"')
        durations[key] = default if value is None else parse_duration(value)
    check = table.get("check", TCP)
    if not isinstance(check, str):
        raise UsageError(f"health.check must be text, not {check!r:.40}")
    expect = table.get("expect", [])
    if not isinstance(expect, list) or not all(isinstance(text, str) for text in expect):
        raise UsageError(f"health.expect must be a list of texts, not {expect!r:.40}")
    found = parse_check(
        check, protocol=protocol, host=host, port=port, interval_s=durations["interval"], timeout_s=durations["timeout"]
    )
    return expecting(found, tuple(expect))


def expecting(check: Check, expect: "tuple[str, ...]") -> Check:
    """`check` held to `expect` and nothing else; raise UsageError, with the column, where one cannot be read."""
    if expect:
        from mgov.model.expectation import expectations_of

        expectations_of(check.kind, expect)
    return check._replace(expect=expect)
