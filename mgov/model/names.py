"""Names: of services, instances, scopes and environments; the hosts and ports they live at.

One grammar for all names, `[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?` without `..`: a name is a file name, a DNS label
path and a URL segment at once, and has no twin that differs only in case or script.
"""

from mgov.errors import InvalidName, UsageError

MAX_NAME_CHARS = 63
VERSION_DIGITS = 6
_EDGE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_INNER = _EDGE | frozenset("._-")
_HOST = _EDGE | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ.-_")
_SCHEME = _EDGE | frozenset("+.-")
DEFAULT_PORTS = {"http": 80, "https": 443}


def is_name(text: str) -> bool:
    """Whether `text` is a name as it stands."""
    return (
        0 < len(text) <= MAX_NAME_CHARS
        and text[0] in _EDGE
        and text[-1] in _EDGE
        and _INNER.issuperset(text)
        and ".." not in text
    )


def is_version_number(text: str) -> bool:
    """Whether `text` is the number of a version as keys and file names hold it: six digits, from 000001 on."""
    return len(text) == VERSION_DIGITS and text.isascii() and text.isdigit() and text.strip("0") != ""


def check_name(text: str, what: str = "service") -> str:
    """Return `text` if it is a name; else raise InvalidName with the slug to use instead."""
    if is_name(text):
        return text
    better = slug(text)
    hint = f"use {better}" if better else "use lower-case letters, digits, '-', '.' and '_'"
    if what == "service":
        service, _, instance = text.partition("/")
        if is_name(service) and is_name(instance):      # as reports name a target
            hint += f", or two words for an instance: {service} {instance}"
        hint += "; --title holds any text"
    raise InvalidName(f"{text[:80]!r} is not a valid {what} name", hint=hint)


def slug(text: str) -> str:
    """The nearest valid name to `text`, or '' when nothing of it can stay."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", text).lower()
    kept = "".join(c if c in _INNER else "-" if c.isspace() or c in "/:@" else "" for c in plain)
    while ".." in kept:
        kept = kept.replace("..", ".")
    return kept[:MAX_NAME_CHARS].strip("._-")


def suggest(word: str, known: "list[str]") -> str | None:
    """The entry of `known` that a person who typed `word` most likely meant, or None."""
    import difflib

    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return near[0] if near else None


def check_host(text: str) -> str:
    """Return `text` if it is a host name, an IPv4 or an IPv6 address (no brackets); else raise UsageError."""
    if ":" in text:
        from ipaddress import AddressValueError, IPv6Address

        try:
            scope = IPv6Address(text).scope_id or ""
        except AddressValueError:
            scope = " "
        if _HOST.issuperset(scope):
            return text
    elif 0 < len(text) <= 253 and _HOST.issuperset(text) and ".." not in text and text[0] not in ".-":
        return text
    raise UsageError(f"{text[:80]!r} is not a host name or address")


def check_port(value: object) -> int:
    """Return `value` if it is an int from 1 to 65535 (a bool is not); else raise UsageError."""
    if type(value) is int and 1 <= value <= 65535:
        return value
    raise UsageError(f"port must be a number from 1 to 65535, not {value!r:.40}")


def authority(host: str, port: int) -> str:
    """`host:port`, an IPv6 address in brackets (RFC 3986 section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_url(text: str) -> tuple[str, str, int, str]:
    """Split an absolute URL into (scheme, host, port, path with query); raise UsageError on anything else.

    The scheme is lower-cased, the port defaults for http and https only, a fragment and user information are
    refused: the first never reaches a server, the second is a secret on a command line.
    """
    shown = text[:80]
    if not _is_plain(text) and any(c == " " or not c.isprintable() for c in text):
        raise UsageError(f"{shown!r} has a space or a control character in the URL")
    scheme, found, rest = text.partition("://")
    scheme = scheme.lower()
    if not found or not scheme or not _SCHEME.issuperset(scheme) or not scheme[0].isalpha():
        place = text.partition("/")[0] if not found and ":" in text and _is_plain(text) else "127.0.0.1:8080"
        raise UsageError(f"{shown!r} is not an absolute URL", hint=f"write it like http://{place[:80]}")
    cut = min((i for i in (rest.find("/"), rest.find("?"), rest.find("#")) if i >= 0), default=len(rest))
    place, path = rest[:cut], rest[cut:]
    if "@" in place:
        raise UsageError("a URL with user information would store a secret", hint="leave out the part before '@'")
    if "#" in path:
        raise UsageError(f"{shown!r} has a fragment, which no server ever sees", hint="leave out the part from '#' on")
    host, port_text = _split_place(place, shown)
    if port_text:
        if not (port_text.isascii() and port_text.isdigit() and len(port_text) <= 5):
            raise UsageError(f"{shown!r} has no valid port")
        port = check_port(int(port_text))
    elif scheme in DEFAULT_PORTS:
        port = DEFAULT_PORTS[scheme]
    else:
        raise UsageError(f"{shown!r} needs a port", hint=f"write it like {scheme}://{place or 'host'}:5432")
    return scheme, check_host(host), port, path if not path.startswith("?") else "/" + path


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _split_place(place: str, shown: str) -> tuple[str, str]:
    if place.startswith("["):
        host, closed, tail = place[1:].partition("]")
        if not closed or (tail and not tail.startswith(":")) or ":" not in host:
            raise UsageError(f"{shown!r} has a broken IPv6 address")
        return host, tail[1:]
    host, _, port_text = place.partition(":")
    return host, port_text


def matches(pattern: str, name: str) -> bool:
    """Whether `name` matches a glob of `*` (any run) and `?` (one character); linear but for the last star."""
    at = here = 0
    star, mark = -1, 0
    while here < len(name):
        if at < len(pattern) and pattern[at] == "*":
            star, mark = at, here
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", name[here]):
            at, here = at + 1, here + 1
        elif star >= 0:
            mark += 1
            at, here = star + 1, mark
        else:
            return False
    return pattern[at:].strip("*") == ""


def is_glob(text: str) -> bool:
    """Whether `text` is a pattern rather than a name."""
    return "*" in text or "?" in text
