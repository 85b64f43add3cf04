"""The ports of a compose service (Compose Specification, "ports" and "expose"), in their short and long forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.formats.lined import is_number, items_at, line_of, text_at, text_of
from mgov.formats.malformed import Malformed
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PORTS = 64                                  # of one range; telephony opens ten thousand, and no one lists them
TCP = "tcp"
ANY_HOST = ("", "0.0.0.0", "::")
LOOPBACK = "127.0.0.1"

if TYPE_CHECKING:
    Fill = Callable[[str, int], str]            # text with its variables, and its line -> the text without


class Port(NamedTuple):
    """One port of a container. `published` is 0 where it is not open outside, or on a port that is chosen later."""

    container: int
    published: int = 0
    host: str = LOOPBACK
    transport: str = TCP
    app_protocol: str = ""
    line: int = 0


def ports_of(service: Any, fill: Fill) -> list[Port]:
    """The ports under `ports` and then those under `expose`, in their order, each container port of `expose` once."""
    found: list[Port] = []
    entries = items_at(service, "ports")
    for index, entry in enumerate(entries):
        line = line_of(entries, index)
        if isinstance(entry, dict):
            found += _long(entry, fill, line)
        else:
            found += _short(fill(text_of(entry, "a port", line), line), line)
    known = {port.container for port in found}
    exposed = items_at(service, "expose")
    for index, entry in enumerate(exposed):
        line = line_of(exposed, index)
        ports, transport = _transport(fill(text_of(entry, "an exposed port", line), line))
        fresh = [port for port in _range(ports, line) if port not in known]
        known.update(fresh)
        found += [Port(port, 0, LOOPBACK, transport, "", line) for port in fresh]
    return found


def _short(text: str, line: int) -> list[Port]:
    ports, transport = _transport(text)
    outside, _, inside = ports.rpartition(":")
    host, colon, published = outside.rpartition(":")
    if not colon:
        host, published = "", outside
    return _paired(_range(inside, line), _range(published, line) if published else [], host, transport, "", line)


def _long(entry: dict[str, Any], fill: Fill, line: int) -> list[Port]:
    keys = ("target", "published", "host_ip", "protocol", "app_protocol")
    texts = {key: fill(text_at(entry, key), line_of(entry, key)) for key in keys}
    if not texts["target"]:
        raise Malformed("a port needs a target", line)
    published = _range(texts["published"], line) if texts["published"] else []
    inside = _range(texts["target"], line)
    return _paired(inside, published, texts["host_ip"], texts["protocol"] or TCP, texts["app_protocol"], line)


def _paired(
    inside: list[int], outside: list[int], host: str, transport: str, app_protocol: str, line: int
) -> list[Port]:
    host = host.strip("[]")
    host = LOOPBACK if host in ANY_HOST else host
    if outside and len(inside) > 1 and len(inside) != len(outside):
        raise Malformed("the ranges of a port have different lengths", line)
    if outside and len(inside) == 1:                    # docker takes one of them: the first that is free
        outside = outside[:1]
    pairs = zip(inside, outside or [0] * len(inside), strict=True)
    return [Port(container, published, host, transport, app_protocol, line) for container, published in pairs]


def _transport(text: str) -> tuple[str, str]:
    ports, _, transport = text.strip().partition("/")
    return ports, transport.lower() or TCP


def _range(text: str, line: int) -> list[int]:
    first, dash, last = text.partition("-")
    if not is_number(first) or not is_number(last if dash else first):
        raise Malformed(f"{text!r:.60} is not a port", line, hint="write it like 8080, 8080:80 or 127.0.0.1:8080:80")
    low, high = int(first), int(last if dash else first)
    if not 1 <= low <= high <= 65535:
        raise Malformed(f"{text!r:.60} is not a port from 1 to 65535", line)
    return list(range(low, min(high, low + MAX_PORTS - 1) + 1))
