"""The last configuration that this user read of each service, kept outside of the store for when it cannot be read.

    <the user's cache>/mgov/snapshots/<mark of the store's location>/<service>/<env>@<number>-<base>-<checksum>.json

The name says which version it is, so a reader sees by one look that it is kept already. On the path of a hot verb.
"""

import os
import sys

from mgov.errors import OutputError
from mgov.model.config import Configuration, from_value, to_value
from mgov.store.codec import encode_json, etag, seal, unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.model.config import Version

_CHECKSUM = slice(7, 19)                        # twelve digits behind 'sha256:'


def cache_folder(environ: "Mapping[str, str]") -> "str | None":
    """The user's cache (XDG Base Directory Specification; on macOS ~/Library/Caches), None where there is no home."""
    named, home = environ.get("XDG_CACHE_HOME", ""), environ.get("HOME", "")
    if os.path.isabs(named):
        return named
    if not os.path.isabs(home):
        return None
    return os.path.join(home, "Library/Caches" if sys.platform == "darwin" else ".cache")


class Snapshots:
    """The snapshots of the store at `location` [absolute path or URL]; all that goes wrong means there is none."""

    def __init__(self, location: str, environ: "Mapping[str, str]") -> None:
        self._location = location
        cache = cache_folder(environ)
        mark = etag(location.encode("utf-8", "surrogateescape"))
        self._folder = os.path.join(cache, "mgov", "snapshots", mark) if cache is not None else None

    def keep(self, configuration: Configuration, now: float, store_id: str) -> None:
        """Keep what was read at `now`, in the place of older ones of the same environment."""
        if self._folder is None:
            return
        folder = os.path.join(self._folder, configuration.service)
        name = _name(configuration.environment, configuration.version)
        if os.path.exists(os.path.join(folder, name)):
            return
        from mgov.store.outfile import write_whole

        document = {
            "location": self._location,
            "store_id": store_id,
            "service": configuration.service,
            "environment": configuration.environment,
            "saved_at": now,
            "version": to_value(configuration.version),
            "below": to_value(configuration.below) if configuration.below is not None else None,
        }
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            write_whole(os.path.join(folder, name), seal(encode_json(document)[1:-1]), mode=0o600)
            for other in self._names(folder, configuration.environment):
                if other != name:
                    os.unlink(os.path.join(folder, other))
        except (OSError, OutputError, ValueError):
            return

    def load(self, service: str, environment: str) -> Configuration | None:
        """What was kept last, with `saved_at`; None for nothing, or nothing that can be believed."""
        if self._folder is None:
            return None
        folder = os.path.join(self._folder, service)
        try:
            paths = [os.path.join(folder, name) for name in self._names(folder, environment)]
            with open(max(paths, key=os.path.getmtime), "rb") as file:
                document = unseal(file.read())
            if (document["location"], document["service"], document["environment"]) != (
                self._location, service, environment,
            ):  # fmt: skip
                return None
            below = from_value(document["below"], "a snapshot") if document["below"] else None
            version = from_value(document["version"], "a snapshot")
            store_id = str(document.get("store_id", ""))
            return Configuration(service, environment, version, below, float(document["saved_at"]), store_id)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @staticmethod
    def _names(folder: str, environment: str) -> "list[str]":
        return [name for name in os.listdir(folder) if name.startswith(f"{environment}@") and name.endswith(".json")]


def _name(environment: str, version: "Version") -> str:
    return f"{environment}@{version.number}-{version.base}-{version.checksum[_CHECKSUM]}.json"
