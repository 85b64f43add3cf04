"""What a person hands to `config`: settings, files of values, variables, and which version is meant."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mgov.cli.inputs import MAX_INPUT_BYTES, STDIN, read_bytes, read_document
from mgov.errors import InputError, NotAStore, StoreError, UsageError
from mgov.formats.malformed import Malformed
from mgov.governance.current import value_at
from mgov.model.config import leaves
from mgov.model.key import format_key, parse_key, split_at_equals
from mgov.model.secret import references
from mgov.model.setting import bare_value, check_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgov.cli.session import Session
    from mgov.model.config import Configuration, Values

DOTENV, ENV_SUFFIX = "dotenv", ".env"


def read_settings(
    words: Sequence[str], file: str | None, prefix: str | None, environ: Mapping[str, str]
) -> dict[str, Any]:
    """Every key with its value: of the file first, then the variables, then `KEY=TEXT` and `KEY:=JSON`.

    A table of the file with nothing in it sets nothing, and so empties none.
    """
    wanted: dict[str, Any] = {}
    if file is not None:
        wanted.update({format_key(path): value for path, value in leaves(read_values(file)) if value != {}})
    if prefix is not None:
        wanted.update(_from_environment(prefix, environ))
    for word in words:
        key, sign, text = split_at_equals(word)
        if not sign:
            raise _no_setting(word)
        wanted[format_key(parse_key(key))] = _json(text, key) if sign == ":=" else bare_value(text)
    return wanted


def _no_setting(word: str) -> UsageError:
    """The error for a word without a sign. What may be a value in it, and so a secret, is not shown."""
    key = word[: next((i for i, c in enumerate(word) if not (c.isalnum() or c in "._-")), len(word))][:80]
    shown = repr(key) if key == word else f"what begins with {key!r}" if key else "a setting"
    return UsageError(f"{shown} is neither KEY=TEXT nor KEY:=JSON", hint=f"{key or 'KEY'}=VALUE")


def read_values(path: str, kind: str = "") -> Values:
    """The values in a file or in standard input, told from its name: TOML, JSON, YAML, or `NAME=value` lines (.env).

    `kind` names one of them where the name says nothing. InputError names file, line and key.
    """
    shown = "standard input" if path == STDIN else path
    try:
        if kind == DOTENV or (not kind and os.path.basename(path).endswith(ENV_SUFFIX)):
            from mgov.formats import dotenv

            found = dotenv.parse(read_bytes(path), max_bytes=MAX_INPUT_BYTES)
            return check_values({name: bare_value(text) for name, text in found.items()})
        return check_values(read_document(path, kind))
    except Malformed as error:
        raise InputError(error.at(shown)) from None
    except InputError:
        raise
    except UsageError as error:
        raise InputError(f"{shown}: {error.message}", hint=error.hint) from None


def read_configuration(
    session: Session, service: str, environment: str, version: int, *, is_strict: bool
) -> Configuration:
    """The configuration that is meant; where the store cannot be read, and not `is_strict`, what was read last."""
    from mgov.model.units import format_age

    try:
        found = session.platform().configs.read(
            service, environment=environment, version=version, use_snapshot=not is_strict
        )
    except StoreError as error:
        if is_strict or version or error.code not in (NotAStore.code, "store-denied", StoreError.code):
            raise
        known = _snapshot(session, service, environment)
        if known is None:
            raise
        found = known
        session.out.warn(error.message)
    if found.saved_at is not None:
        age = format_age(session.clock.now() - found.saved_at)
        session.out.warn(f"the store cannot be read: this is version {found.version.number}, as it was read {age} ago",
                         hint="--no-snapshot refuses it")
    return found


def resolved(session: Session, configuration: Configuration, key: str = "") -> Any:
    """The values, or the one of `key`, with references looked up: where the store cannot be read, under the trust that
    its reader gave it before.
    """
    value = value_at(configuration, key)
    if next(references(value), None) is None:
        return value
    if configuration.saved_at is None:
        return session.platform().configs.resolve(configuration, key)
    from mgov.governance.resolving import resolve
    from mgov.governance.trusts import Agreement

    agreement = Agreement(configuration.store_id, session.environ)
    return resolve(value, configuration, parse_key(key) if key else (), agreement, session.environ)


def _snapshot(session: Session, service: str, environment: str) -> Configuration | None:
    from mgov.cli.stores import find_store
    from mgov.store.snapshot import Snapshots

    place = find_store(session.store, session.environ, is_terminal=False, note=session.out.note)
    return Snapshots(os.path.abspath(place), session.environ).load(service, environment)


def _from_environment(prefix: str, environ: Mapping[str, str]) -> dict[str, Any]:
    if not prefix:
        raise UsageError("--from-env needs the beginning of the names", hint="--from-env ORDERS_")
    found = {
        format_key(name.removeprefix(prefix).lower().split("__")): bare_value(environ[name])
        for name in sorted(environ)
        if name.startswith(prefix) and name != prefix
    }
    if not found:
        raise UsageError(f"no variable begins with {prefix}")
    return found


def _json(text: str, key: str) -> Any:
    from mgov.formats import strictjson

    try:
        return strictjson.parse(text.encode("utf-8", "surrogateescape"), max_bytes=MAX_INPUT_BYTES)
    except Malformed as error:
        raise UsageError(f"{key[:80]}: {error.message}", hint=f"{key[:80]}=TEXT takes text as it is") from None
