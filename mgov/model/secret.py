"""Secrets in a configuration: which values they are, references to them, and how they are masked.

A secret does not belong into a store that is read, diffed and committed. In its place stands a reference, which is
resolved only when a value is used: `env:NAME`, `file:PATH` (absolute) or `cmd:COMMAND LINE`. A plain text under a key
that looks secret, a URL with a password in it, or a private key is refused unless its writer insists, and then masked
wherever it is shown. So is a number, but only where the key says that it is the secret itself: `password`, and not
`max_tokens`. Booleans are no secrets. On the path of a hot verb.
"""

from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mgov.model.config import Path

MASK = "***"
ENV, FILE, COMMAND = "env", "file", "cmd"
_WORDS = frozenset({
    "password", "passwd", "pwd", "passphrase", "secret", "token", "credential", "credentials", "apikey",
})  # fmt: skip
_ITSELF = frozenset({"password", "passwd", "pwd", "passphrase", "pass", "secret", "token", "apikey"})
_TABLES = frozenset({"passwords", "secrets", "tokens", "credentials", "apikeys"})
_KEY_OF = frozenset({"api", "private", "access", "signing", "encryption", "secret", "master", "account"})
_ENDINGS = ("password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey", "accesskey")
# a word behind it makes it something about the secret: token_url, password_min_length, secret_name
_ABOUT = frozenset({
    "url", "uri", "endpoint", "host", "name", "path", "file", "dir", "type", "kind", "id", "ttl", "timeout", "expiry",
    "expires", "length", "min", "max", "policy", "header", "field", "param", "prefix", "issuer", "audience",
    "algorithm", "store", "provider", "version", "hint", "enabled", "required", "count", "limit", "rotation", "scope",
})  # fmt: skip
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_DIGITS = frozenset("0123456789")


class Reference(NamedTuple):
    """Where a value is to be taken from: `kind` is env, file or cmd; `target` a variable, a path, a command line."""

    kind: str
    target: str


def reference(value: "Any") -> "Reference | None":
    """The reference that `value` is, or None. `file://...` is a URL and no reference."""
    if not isinstance(value, str):
        return None
    kind, found, target = value.partition(":")
    if not found or not target or "\n" in target:
        return None
    if kind == ENV and target[0] in _LETTERS and (_LETTERS | _DIGITS).issuperset(target):
        return Reference(kind, target)
    if kind == FILE and target.startswith("/") and not target.startswith("//"):
        return Reference(kind, target)
    return Reference(kind, target) if kind == COMMAND and target.strip() else None


def references(value: "Any", above: "Path" = ()) -> "Iterator[tuple[Path, Reference]]":
    """Every reference in a value, with the path of the key it stands under; lists are looked through."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from references(item, (*above, key))
    elif isinstance(value, list):
        for item in value:
            yield from references(item, above)
    elif (found := reference(value)) is not None:
        yield above, found


def is_secret(path: "Path", value: "Any") -> bool:
    """Whether `value` (no table) under `path` looks like a secret in plain text."""
    if isinstance(value, list):
        return any(is_secret(path, item) for item in value)
    if isinstance(value, dict):
        return any(is_secret((*path, key), item) for key, item in value.items())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _names_secret_itself(_split(path[-1]))
    if not isinstance(value, str) or not value or reference(value) is not None:
        return False
    return looks_secret(path) or _has_password(value) or _is_private_key(value)


def looks_secret(path: "Path") -> bool:
    """Whether a key's last part names a secret, or a table above it does: `api_key.prod`, but not `api_key.ttl`."""
    *above, last = map(_split, path)
    if last and last[-1] in _ABOUT:
        return False
    return _names_secret(last) or last[-1:] == ["pass"] or any(map(_names_secret, above))


def _names_secret(words: list[str]) -> bool:
    if not words or words[-1] in _ABOUT:
        return False
    return (
        not _WORDS.isdisjoint(words)
        or words[-1] in _TABLES
        or words[-1].endswith(_ENDINGS)
        or any(word == "key" and words[i] in _KEY_OF for i, word in enumerate(words[1:]))
    )


def _names_secret_itself(words: list[str]) -> bool:
    """Whether the words end with the secret, and count or bound nothing: `db_password`, but not `max_token`."""
    if not words or not _ABOUT.isdisjoint(words):
        return False
    is_key = words[-1] == "key" and len(words) > 1 and words[-2] in _KEY_OF
    return is_key or words[-1] in _ITSELF or words[-1].endswith(_ENDINGS)


def masked(value: "Any", path: "Path") -> "Any":
    """`value` with every plain secret in it as `***`; `path` is the key that it stands under."""
    if isinstance(value, dict):
        return {key: masked(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, path) for item in value]
    return MASK if path and is_secret(path, value) else value


def plain_secrets(value: "Any", above: "Path" = ()) -> "list[Path]":
    """The paths of the plain secrets in a value that stands under `above`."""
    from mgov.model.config import leaves

    found = leaves(value, above) if isinstance(value, dict) else [(above, value)]
    return [path for path, item in found if path and is_secret(path, item)]


def _has_password(text: str) -> bool:
    """Whether it is a URL with a password in its authority (RFC 3986 section 3.2.1)."""
    scheme, found, rest = text.partition("://")
    if not found or not scheme.replace("+", "").replace("-", "").replace(".", "").isalnum():
        return False
    for end in "/?#":
        rest = rest.partition(end)[0]
    user, at, _ = rest.rpartition("@")
    password = user.partition(":")[2]
    return bool(at) and bool(password) and not password.startswith(("${", "{"))


def _is_private_key(text: str) -> bool:
    """Whether it holds a private key in PEM (RFC 7468)."""
    return "-----BEGIN " in text and "PRIVATE KEY-----" in text


def _split(part: str) -> list[str]:
    """The words of a key's part, in lower case: `dbPassword`, `db-password` and `DB_PASSWORD` are two each."""
    spaced = ""
    for i, c in enumerate(part):
        if c.isupper() and i and (part[i - 1].islower() or part[i - 1].isdigit()):
            spaced += " "
        spaced += c if c.isalnum() else " "
    return spaced.lower().split()
