"""What the user agreed to, by store: one file in the user's own configuration, never in a store.

    {"format": 1, "stores": {"STORE ID": {"digests": [...], "at": 1800000000.0, "location": "/srv/fleet/.mgov"}}}

It is written whole, with mode 0600, and believed only while nobody else can write it.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from mgov.errors import InputError
from mgov.formats import strictjson
from mgov.formats.malformed import Malformed
from mgov.model.trust import Grant
from mgov.store.outfile import write_whole

FORMAT = 1
MAX_BYTES = 4 * 1024 * 1024
FILE = "trust.json"


class TrustFile:
    """The grants in the file at `path`; raise InputError, naming it, when it cannot be read or must not be believed."""

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def of_user(cls) -> TrustFile:
        """The file in the user's own configuration."""
        from platformdirs import user_config_path

        path = str(user_config_path("mgov") / FILE)
        if not os.path.isabs(path):
            raise InputError("trust is kept in your own configuration, and HOME is not set", hint="set HOME")
        return cls(path)

    def grants(self) -> dict[str, Grant]:
        """What was agreed to, by store id; empty where there is no file yet."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unreadable(error) from error
        with os.fdopen(descriptor, "rb") as file:
            self._check_owner(os.fstat(descriptor))
            try:
                data = file.read(MAX_BYTES + 1)
            except OSError as error:
                raise self._unreadable(error) from error
        return self._parsed(data)

    def grant(self, grant: Grant) -> None:
        """Keep `grant` in the place of what was agreed to for the same store."""
        self._write({**self.grants(), grant.store_id: grant})

    def withdraw(self, store_id: str) -> bool:
        """Forget what was agreed to for a store; False when there was nothing."""
        grants = self.grants()
        if grants.pop(store_id, None) is None:
            return False
        self._write(grants)
        return True

    def _write(self, grants: dict[str, Grant]) -> None:
        import json

        stores = {
            key: {"digests": sorted(grant.digests), "at": grant.at, "location": grant.location}
            for key, grant in sorted(grants.items())
        }
        folder = os.path.dirname(self.path)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make {folder}: {(error.strerror or str(error)).lower()}") from error
        write_whole(self.path, json.dumps({"format": FORMAT, "stores": stores}, indent=1) + "\n", mode=0o600)

    def _parsed(self, data: bytes) -> dict[str, Grant]:
        try:
            document = strictjson.parse(data, max_bytes=MAX_BYTES)
        except Malformed as error:
            raise InputError(error.at(self.path), hint=self._mend()) from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise InputError(f"{self.path} was not written by this version of mgov", hint=self._mend())
        stores = document.get("stores")
        if not isinstance(stores, dict) or not all(_is_grant(fields) for fields in stores.values()):
            raise InputError(f"{self.path} holds something that is no trust", hint=self._mend())
        return {
            key: Grant(key, frozenset(fields["digests"]), float(fields["at"]), fields["location"])
            for key, fields in stores.items()
        }

    def _check_owner(self, info: os.stat_result) -> None:
        if info.st_uid not in (os.geteuid(), 0) or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise InputError(f"{self.path} can be written by others, so it is not believed",
                             hint=f"look at it, then: chmod 600 {self.path}")

    def _unreadable(self, error: OSError) -> InputError:
        return InputError(f"cannot read {self.path}: {(error.strerror or str(error)).lower()}", hint=self._mend())

    def _mend(self) -> str:
        return f"remove {self.path}, then: mgov trust"


def _is_grant(fields: Any) -> bool:
    return (
        isinstance(fields, dict)
        and isinstance(fields.get("digests"), list)
        and all(isinstance(digest, str) for digest in fields["digests"])
        and isinstance(fields.get("at"), int | float)
        and isinstance(fields.get("location"), str)
    )
