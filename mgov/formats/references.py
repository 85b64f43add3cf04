"""Which hosts the value of a setting names: `cartservice:7070`, `http://orders:80/x`, `amqp://u:p@mq`, `DB_HOST=db`.

Only what reads as an address counts. A bare word counts where its name speaks of one (HOST, ADDR, URL ...): the name of
the setting, or its own in `host=db user=orders`. Settings that list who may call, or where a browser is sent, name
others without calling them, and are left alone. The values may hold secrets: nothing of them but hosts and ports leaves
this file.
"""

from __future__ import annotations

import re

from mgov.model.record import NamedTuple
from mgov.model.service import ASYNCHRONOUS, SYNCHRONOUS

MAX_VALUE_CHARS = 64 * 1024
_ADDRESS_WORDS = frozenset((
    "host", "hosts", "hostname", "addr", "addrs", "address", "addresses", "url", "urls", "uri", "uris", "endpoint",
    "endpoints", "server", "servers", "broker", "brokers", "upstream", "backend", "bootstrap", "dsn",
))  # fmt: skip
_OTHER_WORDS = frozenset((
    "allowed", "trusted", "cors", "origin", "origins", "redirect", "callback", "image", "images", "tag", "advertised",
    "virtual", "public", "external",
))  # fmt: skip
_ASYNCHRONOUS_SCHEMES = frozenset(("amqp", "amqps", "kafka", "nats", "mqtt", "mqtts", "stomp", "pulsar"))
_ASYNCHRONOUS_PORTS = frozenset((5671, 5672, 9092, 9093, 4222, 1883, 8883, 61613, 61616, 6650))
_TRANSPORTS = frozenset(("tcp", "udp", "unix"))  # of Go's MySQL: user:password@tcp(db:3306)/name
_WORD = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+"
_BETWEEN = r"[\s,;|\"'`()\[\]{}<>]+"
_PATH = r"[/?#]"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?\.?"


class Reference(NamedTuple):
    """A host that is named as something to call. `port` is 0 where none is given, `type` '' where nothing tells it.

    `is_sure` is off where it is host and port alone, under a name that does not speak of addresses: `redis:7`.
    """

    host: str
    port: int = 0
    type: str = ""
    is_sure: bool = True


def references(key: str, value: str) -> list[Reference]:
    """The hosts that the setting `key` names in `value`, in their order, each once."""
    words = _words(key)
    if len(value) > MAX_VALUE_CHARS or words & _OTHER_WORDS or {"no", "proxy"} <= words:
        return []
    is_address = _speaks_of_addresses(words)
    found: dict[tuple[str, int], Reference] = {}
    for token in re.split(_BETWEEN, value.strip()):
        reference = _reference(token, is_address=is_address)
        if reference is not None:
            found.setdefault((reference.host, reference.port), reference)
    return list(found.values())


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(_WORD, name[:256])}


def _speaks_of_addresses(words: set[str]) -> bool:
    return bool(words & _ADDRESS_WORDS) or any(word.endswith("host") and word != "vhost" for word in words)  # PGHOST


def _reference(token: str, *, is_address: bool) -> Reference | None:
    before, is_url, rest = token.partition("://")
    name, is_named, rest_unnamed = (before if is_url else re.split(_PATH, token, maxsplit=1)[0]).rpartition("=")
    words = _words(name.removeprefix("-D"))         # of Java's properties
    if words & _OTHER_WORDS:
        return None
    if is_url:
        scheme = rest_unnamed.rpartition(":")[2].lower()
    else:
        scheme, rest = "", rest_unnamed
        is_address = _speaks_of_addresses(words) if is_named else is_address
    place = re.split(_PATH, rest, maxsplit=1)[0].rpartition("@")[2]
    host, colon, port_text = place.partition(":")
    if colon and not (port_text.isascii() and port_text.isdigit() and 0 < int(port_text[:6]) <= 65535):
        return None
    if not re.fullmatch(_HOST, host) or host in _TRANSPORTS:
        return None
    if not is_url and (host.isdigit() or not (colon or is_address)):
        return None
    port = int(port_text) if colon else 0
    if scheme in _ASYNCHRONOUS_SCHEMES or port in _ASYNCHRONOUS_PORTS:
        kind = ASYNCHRONOUS
    else:
        kind = SYNCHRONOUS if is_url else ""
    return Reference(host.rstrip("."), port, kind, bool(is_url) or is_address)
