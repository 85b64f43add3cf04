"""A configuration as its service reads it: a version over the base that it saw. On the path of a hot verb."""

from mgov.errors import NotFound, StoreDamaged
from mgov.model.config import (
    BASE,
    FAMILY,
    Configuration,
    folder_key,
    from_value,
    leaves,
    lookup,
    not_found,
    version_key,
)
from mgov.model.key import format_key, parse_key
from mgov.model.secret import masked
from mgov.store.layout import place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mgov.model.config import Values, Version
    from mgov.store.base import Document, Store


def current(store: "Store", service: str, environment: str) -> Configuration:
    """The newest version; raise NotFound where there is none, StoreError where it cannot be believed."""
    document = store.newest(folder_key(service, environment))
    if document is None:
        raise _unknown(store, service, environment)
    return _over_base(store, service, environment, _version(document))


def _unknown(store: "Store", service: str, environment: str) -> NotFound:
    """The error for a configuration that is not there, with the environment or the service that was meant."""
    from mgov.model.names import suggest

    keys = store.keys(f"{FAMILY}/")
    environments = sorted({key.split("/")[2] for key in keys if key.split("/")[1] == service})
    error = not_found(service, environment)
    if environments:
        meant = suggest(environment, environments) or environments[0]
        error.hint = f"it has one in {', '.join(environments)}: -e {meant}"
    elif near := suggest(service, sorted({key.split("/")[1] for key in keys})):
        error.hint = f"did you mean {near}?"
    return error


def at_version(store: "Store", service: str, environment: str, number: int) -> Configuration:
    """The version `number`; raise NotFound, or StoreError."""
    document = store.read(version_key(service, environment, number)) if number > 0 else None
    if document is None:
        current(store, service, environment)    # which says so where there is no version at all
        raise not_found(service, environment, number)
    return _over_base(store, service, environment, _version(document))


def base_version(store: "Store", service: str, number: int) -> "Version":
    """A version of the base; raise StoreDamaged where it is gone, for versions that saw it mean something else then."""
    document = store.read(version_key(service, BASE, number))
    if document is None:
        raise StoreDamaged(
            f"version {number} of the base of {service} is gone, and others lie over it",
            hint="bring its file back, or publish on the newest base: mgov config set SERVICE -e ENV --rebase",
        )
    return _version(document)


def newest_base(store: "Store", service: str) -> "Version | None":
    """The newest version of the base, or None."""
    document = store.newest(folder_key(service, BASE))
    return _version(document) if document is not None else None


def find(store: "Store", service: str, environment: str) -> "Configuration | None":
    """As `current`, None where there is no version yet."""
    try:
        return current(store, service, environment)
    except NotFound:
        return None


def value_at(configuration: Configuration, key: str) -> "Any":
    """The value of `key`, a table for the beginning of longer keys, all values without one; raise NotFound."""
    values = configuration.values
    path = parse_key(key) if key else ()
    try:
        return lookup(values, path)
    except KeyError:
        from mgov.model.setting import key_hint

        where = f"{configuration.service} has no key {key} in {configuration.environment}"
        every = f"mgov config get {configuration.service} -e {configuration.environment}"
        raise NotFound(where, hint=key_hint(values, path) or every) from None


def values_around(store: "Store", key: str) -> "tuple[Values | None, Values | None]":
    """The own values of the version before the one under `key`, and of that one, by key, secrets masked; None for a
    version that is not there.
    """
    prefix, _, number = key.rpartition("/")
    before = store.read(f"{prefix}/{int(number) - 1:0{len(number)}d}") if int(number) > 1 else None
    return _shown(before), _shown(store.read(key))


def _shown(document: "Document | None") -> "Values | None":
    if document is None:
        return None
    return {format_key(path): masked(value, path) for path, value in leaves(_version(document).values)}


def _over_base(store: "Store", service: str, environment: str, version: "Version") -> Configuration:
    below = base_version(store, service, version.base) if version.base and environment != BASE else None
    return Configuration(service, environment, version, below)


def _version(document: "Document") -> "Version":
    return from_value(document.value, place_of(document.key).path)
