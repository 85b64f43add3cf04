"""The newest version of a configuration, found without listing a folder of thousands and without a TOML parser.

    cache/configs/<service>/<env>/newest.json       the highest number, and the folder's time when that was seen
    cache/configs/<service>/<env>/<number>.json     that version, or a base below others, as it was parsed, and its
                                                    file's inode, size and times

A folder's time changes with every file that is added to it or taken away, a file's own with every byte. Neither is
believed within 50 ms of the moment, one tick of a file system's clock. The cache can be deleted at any time; a store
that cannot be written is read without one. On the path of a hot verb.
"""

import os

from mgov.model.config import BASE
from mgov.model.names import is_name, is_version_number
from mgov.store.base import Document
from mgov.store.codec import unseal
from mgov.store.folder import close, names_in, open_folder, read_file
from mgov.store.layout import CACHE, CONFIGS, place_of
from mgov.store.root import translate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mgov.store.files import FilesStore
    from mgov.store.layout import Place
    from mgov.store.root import Root

SETTLED_NS = 50_000_000
KEPT_PARSED = 8
_NEWEST = "newest.json"
_SUFFIX = ".toml"


def newest(store: "FilesStore", prefix: str) -> "Document | None":
    """The document of the highest number below `config/SERVICE/ENVIRONMENT/`; raise StoreError where it is damaged."""
    folder = place_of(f"{prefix}000001").folder
    time_ns = _folder_time_ns(store, folder)
    if time_ns is None:
        return None
    known = _load(store.root, f"{CACHE}/{folder}", _NEWEST)
    if known.get("mtime_ns") == time_ns:
        document = _read(store, f"{prefix}{known['number']}", keep=True)
        if document is not None:
            return document
    found = keys(store, prefix)
    if not found:
        return None
    if _is_settled(store, time_ns):
        _save(store, f"{CACHE}/{folder}", _NEWEST, f'"mtime_ns":{time_ns},"number":"{found[-1][-6:]}"')
    return _read(store, found[-1], keep=True)


def read(store: "FilesStore", key: str) -> "Document | None":
    """The version under `key`, or None; raise StoreDamaged where its file is not as mgov wrote it."""
    return _read(store, key, keep=key.split("/")[2] == BASE)    # an old base is read as often as what lies over it


def _read(store: "FilesStore", key: str, *, keep: bool) -> "Document | None":
    place = place_of(key)
    mark = _mark(store, place)
    if mark is None:
        return None
    parsed = f"{CACHE}/{place.folder}", f"{place.name.removesuffix(_SUFFIX)}.json"
    known = _load(store.root, *parsed)
    if known.get("mark") == mark:
        return Document(key, known["value"], known["revision"])
    data = store.read_place(place)
    if data is None:
        return None
    from mgov.store import versions
    from mgov.store.codec import encode_json

    document = versions.parse(key, data)
    if keep and _is_settled(store, mark[-1]):
        fields = f'"mark":{encode_json(mark)},"revision":"{document.revision}","value":{encode_json(document.value)}'
        _save(store, *parsed, fields)
        _forget_old(store, parsed[0])
    return document


def parsed_before(root: "Root", place: "Place") -> "tuple[dict[str, Any], int] | None":
    """The value and the revision of a version as it was parsed at some time, whatever its file holds now, or None."""
    known = _load(root, f"{CACHE}/{place.folder}", f"{place.name.removesuffix(_SUFFIX)}.json")
    return (known["value"], int(known["revision"])) if known else None


def keys(store: "FilesStore", prefix: str) -> "list[str]":
    """The keys of the versions below `config/`, `config/SERVICE/` or `config/SERVICE/ENVIRONMENT/`, in their order."""
    _, *names = prefix.rstrip("/").split("/")
    try:
        services = names[:1] or _names(store, CONFIGS)
        folders = [(name, env) for name in services for env in names[1:2] or _names(store, f"{CONFIGS}/{name}")]
        found = [
            f"config/{service}/{env}/{number}"
            for service, env in folders
            for number in names_in(store.root, f"{CONFIGS}/{service}/{env}", _SUFFIX)
            if is_version_number(number)
        ]
    except OSError as error:
        raise translate(error, f"cannot list the configurations in {store.root.path}") from error
    return found if len(folders) == 1 else sorted(found)


def _names(store: "FilesStore", folder: str) -> "list[str]":
    return [name for name in names_in(store.root, folder, "") if is_name(name)]


def _folder_time_ns(store: "FilesStore", folder: str) -> "int | None":
    try:
        descriptor = open_folder(store.root, folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise translate(error, f"cannot read {store.root.path}/{folder}") from error
    try:
        return os.fstat(descriptor).st_mtime_ns
    finally:
        close(descriptor)


def _mark(store: "FilesStore", place: "Place") -> "list[int] | None":
    """What changes with a file: inode, size, and the times of its bytes and of its inode; None for no file."""
    try:
        parent = open_folder(store.root, place.folder)
        try:
            info = os.stat(place.name, dir_fd=parent, follow_symlinks=False)
        finally:
            close(parent)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise translate(error, f"cannot read {store.root.path}/{place.path}") from error
    return [info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns]


def _is_settled(store: "FilesStore", time_ns: int) -> bool:
    return store.clock.now() * 1e9 - time_ns > SETTLED_NS


def _load(root: "Root", folder: str, name: str) -> "dict[str, Any]":
    try:
        data = read_file(root, folder, name)
        return unseal(data) if data else {}
    except (OSError, ValueError):
        return {}


def _save(store: "FilesStore", folder: str, name: str, fields: str) -> None:
    from mgov.store.definitions import save_cached

    save_cached(store.root, folder, name, fields)


def _forget_old(store: "FilesStore", folder: str) -> None:
    """Keep few parsed versions: the newest is what is asked for, and a base that others still see."""
    try:
        numbers = [name for name in names_in(store.root, folder, ".json") if is_version_number(name)]
        if len(numbers) <= KEPT_PARSED:
            return
        parent = open_folder(store.root, folder)
        try:
            for number in numbers[:-KEPT_PARSED]:
                os.unlink(f"{number}.json", dir_fd=parent)
        finally:
            close(parent)
    except OSError:
        return                                  # another reader was quicker, or this user may not write
