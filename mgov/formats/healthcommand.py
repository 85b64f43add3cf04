"""What a container's health command looks at from outside: `curl -f http://localhost:8080/health` is an http check.

mgov runs no command inside a container. One that fetches a URL, opens a port or asks gRPC health is the same check
seen from outside; anything else (`redis-cli ping`) has no such twin.
"""

from __future__ import annotations

import shlex

from mgov.errors import UsageError
from mgov.model.health import GRPC, HTTP, HTTPS, TCP
from mgov.model.names import split_url
from mgov.model.record import NamedTuple

LOCAL_HOSTS = ("localhost", "127.0.0.1", "0.0.0.0", "::1")
_SEPARATORS = ("||", "&&", ";", "|", "&", ">", ">>", "2>&1")
_SHELLS = ("sh", "bash", "ash", "/bin/sh", "/bin/bash", "/bin/ash")
_FETCHERS = ("curl", "wget")


class Probe(NamedTuple):
    """A check told in the container's own words: `kind` is http, https, tcp or grpc, `port` the container's own.

    `is_insecure` when it takes any certificate.
    """

    kind: str
    port: int
    path: str = "/"
    host: str = "localhost"
    is_insecure: bool = False


def probe_of(argv: list[str]) -> Probe | None:
    """The probe that a command makes; a shell's `-c` is looked into. None where it is nothing seen from outside."""
    if len(argv) >= 3 and argv[0] in _SHELLS and argv[1].startswith("-") and argv[1].endswith("c"):
        return probe_of_line(argv[2])
    words = _first_command(argv)
    if not words:
        return None
    program = words[0].rpartition("/")[2]
    if program in _FETCHERS:
        return _fetched(words[1:])
    if program in ("nc", "ncat", "netcat"):
        return _opened([word for word in words[1:] if not word.startswith("-")])
    if program == "grpc_health_probe":
        return _asked(words[1:])
    return None


def probe_of_line(line: str) -> Probe | None:
    """As `probe_of`, for a line that a shell would read."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        return probe_of(list(lexer))
    except ValueError:                                  # a quote left open
        return None


def _first_command(argv: list[str]) -> list[str]:
    words = []
    for word in argv:
        if word in _SEPARATORS:
            break
        words.append(word)
    return words


def _fetched(words: list[str]) -> Probe | None:
    for word in words:
        url = word if "://" in word else f"http://{word}" if word.startswith(LOCAL_HOSTS) else ""
        if url:
            try:
                scheme, host, port, path = split_url(url)
            except UsageError:
                return None
            if scheme not in (HTTP, HTTPS) or "$" in path:
                return None
            return Probe(scheme, port, path or "/", host, scheme == HTTPS and any(map(_takes_any_certificate, words)))
    return None


def _takes_any_certificate(word: str) -> bool:
    is_short = word.startswith("-") and not word.startswith("--") and word[1:].isalpha()
    return word in ("--insecure", "--no-check-certificate") or (is_short and "k" in word)


def _opened(words: list[str]) -> Probe | None:
    if len(words) >= 2 and words[1].isascii() and words[1].isdigit() and 0 < int(words[1][:6]) <= 65535:
        return Probe(TCP, int(words[1]), host=words[0])
    return None


def _asked(words: list[str]) -> Probe | None:
    for word, after in zip(words, [*words[1:], ""], strict=True):
        flag, _, value = word.lstrip("-").partition("=")
        if flag == "addr":
            host, _, port = (value or after).rpartition(":")
            if port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 65535:
                return Probe(GRPC, int(port), "/", host or "localhost")
    return None
