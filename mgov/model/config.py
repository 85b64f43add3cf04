"""Configuration: the values of one service in one environment, in versions that never change.

A version holds an environment's own values, and the number of the `base` version that it saw when it was made. What a
service reads is both, merged: tables key by key, everything else as the environment says. So a version means the same
for ever; a newer base reaches an environment with that environment's next version.

Values are what TOML and JSON both can say: tables, lists, text, finite numbers and booleans. A key is a path of parts;
its text form is TOML's dotted key (see mgov.model.setting). On the path of a hot verb.
"""

from mgov.errors import NotFound, StoreDamaged
from mgov.model.names import VERSION_DIGITS, check_name
from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    Path = tuple[str, ...]
    Values = dict[str, Any]

BASE, DEFAULT = "base", "default"
FAMILY = "config"
MAX_NUMBER = 10**VERSION_DIGITS - 1
NO_VERSION = 0                                  # the number before the first version
_HEAD = ("number", "author", "at", "message", "operation", "checksum", "base")


class Version(NamedTuple):
    """One version: its own values, who made it, when (RFC 3339), by which operation and why. `base` is the number of
    the base version that it saw, 0 for none; `checksum` is of `values` alone, so that equal content is seen as equal.
    """

    number: int
    author: str
    at: str
    message: str
    operation: str
    checksum: str
    base: int
    values: "Values"


class Configuration(NamedTuple):
    """A version as a service reads it: its own values over those of `below`, the base version that it saw.

    `saved_at` is set (seconds since the epoch) where the store could not be read and this is the last that was seen;
    `store_id` is then that of the store, whose trust holds for it.
    """

    service: str
    environment: str
    version: Version
    below: "Version | None" = None
    saved_at: "float | None" = None
    store_id: str = ""

    @property
    def values(self) -> "Values":
        """The merged values."""
        return merge(self.below.values, self.version.values) if self.below is not None else self.version.values

    @property
    def name(self) -> str:
        """For people: `orders prod 12`."""
        return f"{self.service} {self.environment} {self.version.number}"


def folder_key(service: str, environment: str) -> str:
    """The prefix of the keys of an environment's versions; raise InvalidName."""
    return f"{FAMILY}/{check_name(service)}/{check_name(environment, 'environment')}/"


def version_key(service: str, environment: str, number: int) -> str:
    """The store's key of one version: the number has six digits, so that keys sort as versions do."""
    return f"{folder_key(service, environment)}{number:0{VERSION_DIGITS}d}"


def number_of(key: str) -> int:
    """The version's number in its key."""
    return int(key.rpartition("/")[2])


def to_value(version: Version) -> "Values":
    """The document that is stored: a table about the version, and the table of its values."""
    head = {name: getattr(version, name) for name in _HEAD}
    for name in ("message", "base"):
        if not head[name]:
            del head[name]
    return {"version": head, "values": version.values}


def from_value(value: "Mapping[str, Any]", what: str) -> Version:
    """The version that `to_value` wrote; raise StoreDamaged naming `what` where a field is missing or no such thing."""
    head, values = value.get("version"), value.get("values", {})
    if not isinstance(head, dict) or not isinstance(values, dict):
        raise StoreDamaged(f"{what} holds no version", hint="mgov store check")
    fields = {"message": "", "base": NO_VERSION, **{name: head[name] for name in _HEAD if name in head}}
    numbers = ("number", "base")
    for name in _HEAD:
        if type(fields.get(name)) is not (int if name in numbers else str):
            raise StoreDamaged(f"{what} has no valid {name}", hint="mgov store check")
    return Version(**fields, values=values)


def merge(below: "Mapping[str, Any]", above: "Mapping[str, Any]") -> "Values":
    """`above` over `below`: tables are merged key by key, any other value of `above` replaces. Neither is changed."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = merge(under, value) if isinstance(value, dict) and isinstance(under, dict) else value
    return merged


def lookup(values: "Mapping[str, Any]", path: "Path") -> "Any":
    """The value at `path`, a table for the beginning of longer keys; raise KeyError."""
    found: Any = values
    for part in path:
        if not isinstance(found, dict):
            raise KeyError(part)
        found = found[part]
    return found


def leaves(values: "Mapping[str, Any]", above: "Path" = ()) -> "Iterator[tuple[Path, Any]]":
    """(path, value) of everything that is no table, and of empty tables, in the order of the tables."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*above, key))
        else:
            yield (*above, key), value


def not_found(service: str, environment: str, number: int = NO_VERSION) -> NotFound:
    """The error for a configuration, or a version of it, that is not there."""
    if number:
        return NotFound(
            f"{service} has no version {number} in {environment}",
            hint=f"mgov config history {service} -e {environment}",
        )
    return NotFound(
        f"{service} has no configuration in {environment}", hint=f"mgov config set {service} -e {environment} KEY=VALUE"
    )
