"""Which store a command line means: the one named, the nearest one, or, for a person, their own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mgov.errors import InputError, NotAStore
from mgov.store.root import INIT_HINT, MARK, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_CONFIG_BYTES = 1024 * 1024


def find_store(
    named: str | None, environ: Mapping[str, str], *, is_terminal: bool, note: Callable[[str], None]
) -> str:
    """The path or URL of the store; raise NotAStore where there is none.

    A bare word that is no folder is looked up in the user's configuration, `[stores] NAME = "PLACE"`. The user's own
    store is made when it is first used, and only where a person reads the note that says so.
    """
    chosen = locate(named, environ)
    if chosen:
        return _configured(chosen) or chosen if _may_be_name(chosen) else chosen
    if not is_terminal:
        raise NotAStore("no store here or above", hint=INIT_HINT)
    return _own_store(note)


def _may_be_name(text: str) -> bool:
    return "/" not in text and text not in (".", "..") and not os.path.exists(text)


def _configured(name: str) -> str | None:
    from platformdirs import user_config_path

    path = user_config_path("mgov") / "config.toml"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    from mgov.formats import toml
    from mgov.formats.malformed import Malformed

    try:
        stores = toml.parse(data, max_bytes=MAX_CONFIG_BYTES).get("stores", {})
    except Malformed as error:
        raise InputError(error.at(str(path))) from None
    place = stores.get(name) if isinstance(stores, dict) else None
    if place is not None and not isinstance(place, str):
        raise InputError(f"{path}: stores.{name} must be text")
    return os.path.expanduser(place) if place else None


def _own_store(note: Callable[[str], None]) -> str:
    if not os.environ.get("HOME") and not os.environ.get("XDG_DATA_HOME"):
        raise NotAStore("no store here or above, and HOME is not set", hint=INIT_HINT)
    from platformdirs import user_data_path

    path = str(user_data_path("mgov") / "store")
    if not os.path.exists(os.path.join(path, MARK)):
        from mgov.governance.platform import Platform

        Platform.create(path)
    note(f"using your own store, {path}; a project's own is made with: mgov init")
    return path
