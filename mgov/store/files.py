"""The local driver: a folder of TOML and JSON files, read without a lock.

Reading is here and light; writing is in `commit` (intent) and `state`, imported when something is written.
"""

import os

from mgov.errors import StoreDamaged, StoreDenied, StoreError
from mgov.model.names import is_name
from mgov.store.base import INTENT_FAMILIES
from mgov.store.codec import to_document, unpack
from mgov.store.folder import names_in, read_file
from mgov.store.layout import INSTANCES, NESTED_STATE, POLICY, STATE, place_of
from mgov.store.root import translate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mgov.clock import Clock
    from mgov.store.base import Change, Document, Value, Write
    from mgov.store.earlier import Earlier
    from mgov.store.layout import Place
    from mgov.store.root import Root

LOCK_WAIT_S = 10.0


class FilesStore:
    """Documents in the folder `root`. `warn` is told each thing a person should know and no caller can act on.

    `damaged` collects the paths that a scan had to leave out; a command that listed the rest ends with 8.
    """

    def __init__(
        self,
        root: "Root",
        *,
        clock: "Clock",
        actor: str,
        warn: "Callable[[str], None]",
        lock_wait_s: float = LOCK_WAIT_S,
    ) -> None:
        self.root = root
        self.id = root.id
        self.location = root.path
        self.clock = clock
        self.actor = actor
        self.lock_wait_s = lock_wait_s
        self.damaged: list[str] = []
        self._tell = warn
        self._told: set[str] = set()
        self._may_write = False
        if not root.is_own and os.geteuid() != 0:
            self.warn(f"{root.path} belongs to another user: it can be read, not written")

    def warn(self, text: str) -> None:
        """Pass a warning on, each once."""
        if text not in self._told:
            self._told.add(text)
            self._tell(text)

    def refuse_vanished(self) -> None:
        """Raise StoreError where the folder is gone since it was opened: what is not there would read as empty."""
        if not os.path.isdir(self.location):
            raise StoreError(f"{self.location} is gone", hint="bring it back, or name another: --store")

    def refuse_foreign(self) -> None:
        """Raise StoreDenied where this user may not write: another's store (root may), or a network file system."""
        if self._may_write:
            return
        if not self.root.is_own and not self.root.is_shared and os.geteuid() != 0:
            raise StoreDenied(
                f"{self.location} belongs to another user", hint="use a store of your own, or: mgov init --shared"
            )
        from mgov.store.lock import refuse_remote

        refuse_remote(self.root)
        self._may_write = True

    def read(self, key: str) -> "Document | None":
        """The document under `key`, or None; raise StoreError when its file is damaged or cannot be read."""
        place = place_of(key)
        if place.is_version:
            from mgov.store import newest

            return newest.read(self, key)
        data = self.read_place(place)
        if data is None:
            return None
        if place.is_toml:
            from mgov.store import definitions

            return definitions.read_or_held(self.root, place.name[:-5], data, self.warn, keep=True)
        if key == POLICY:
            from mgov.store import policies

            return policies.read(self.root, data, place.path)
        try:
            entry = unpack(data, place.path).get(key)
        except StoreDamaged as error:
            if key.partition("/")[0] in INTENT_FAMILIES:
                raise
            self.warn(f"{error.message}; what it said counts as never seen")
            return None
        return to_document(key, entry) if entry is not None else None

    def scan(self, prefix: str) -> "Iterator[Document]":
        """The documents below `prefix`, in the order of their keys; a damaged file is left out with a warning.

        Of one service's instances, where nothing else would be left to tell, it raises.
        """
        family, *names = prefix.rstrip("/").split("/")
        if family == "service":
            from mgov.store import index

            yield from index.scan(self)
            return
        if family == "config":
            yield from self._scan_versions(prefix)
            return
        for place in self._places(family, names):
            try:
                data = self.read_place(place)
                entries = unpack(data, place.path) if data is not None else {}
            except StoreError as error:
                if family == "instance" and names:
                    raise                           # of one service there is nothing else to tell
                self.leave_out(place.path, error)
                continue
            for key in sorted(entries):
                if key.startswith(prefix):
                    yield to_document(key, entries[key])

    def registered(self) -> "Iterator[Document]":
        """The documents below `maintenance/` and `instance/`, each file read once; a damaged one is left out."""
        for place in self._places("instance", []):
            try:
                data = self.read_place(place)
                entries = unpack(data, place.path) if data is not None else {}
            except StoreError as error:
                self.leave_out(place.path, error)
                continue
            for key in sorted(entries, key=lambda key: (not key.startswith("maintenance/"), key)):
                yield to_document(key, entries[key])

    def _scan_versions(self, prefix: str) -> "Iterator[Document]":
        for key in self.keys(prefix):
            try:
                document = self.read(key)
            except StoreError as error:
                self.leave_out(place_of(key).path, error)
                continue
            if document is not None:
                yield document

    def keys(self, prefix: str) -> "list[str]":
        """The keys below `prefix` in their order; of versions without reading a file."""
        if prefix.partition("/")[0] != "config":
            return [document.key for document in self.scan(prefix)]
        from mgov.store import newest

        return newest.keys(self, prefix)

    def newest(self, prefix: str) -> "Document | None":
        """The newest version below `config/SERVICE/ENVIRONMENT/`, at the same cost however many there are."""
        from mgov.store import newest

        return newest.newest(self, prefix)

    def leave_out(self, path: str, error: StoreError) -> None:
        """Note that a scan goes on without the file at `path`."""
        self.damaged.append(path)
        self.warn(error.message)

    def _places(self, family: str, names: "list[str]") -> "list[Place]":
        try:
            if family in ("instance", "maintenance"):
                found = names or _by_key(names_in(self.root, INSTANCES, ".json"))
                return [place_of(f"maintenance/{name}") for name in found]
            if family in NESTED_STATE:
                services = names or _by_key(names_in(self.root, f"{STATE}/{family}", ""))
                return [
                    place_of(f"{family}/{service}/{name}")
                    for service in services
                    for name in names_in(self.root, f"{STATE}/{family}/{service}", ".json")
                    if is_name(name)
                ]
            found = names_in(self.root, f"{STATE}/{family}", ".json")
            return [place_of(f"{family}/{name}") for name in found if is_name(name)]
        except OSError as error:
            raise translate(error, f"cannot list {family} in {self.root.path}") from error

    def read_place(self, place: "Place") -> "bytes | None":
        """The bytes of one file; OSError becomes the StoreError that names it."""
        try:
            return read_file(self.root, place.folder, place.name)
        except OSError as error:
            raise translate(error, f"cannot read {self.root.path}/{place.path}") from error
        except MemoryError:
            raise StoreError(f"cannot read {self.root.path}/{place.path}: not enough memory") from None

    def write(self, write: "Write", *, operation: str, message: str = "") -> str:
        """Apply one write; see `write_many`."""
        return self.write_many([write], operation=operation, message=message)[0]

    def write_many(self, writes: "Sequence[Write]", *, operation: str, message: str = "") -> "list[str]":
        """Apply writes of one kind, all or none for intent; return a revision for each ('' for a deletion)."""
        if not writes:
            return []
        if writes[0].key.partition("/")[0] in INTENT_FAMILIES:
            from mgov.store.commit import commit

            return commit(self, writes, operation=operation, message=message)
        from mgov.store.state import write_state

        return write_state(self, writes)

    def update_state(
        self, key: str, change: "Callable[[Value | None], Value | None]", *, ttl_s: "float | None" = None
    ) -> "tuple[Value | None, str]":
        """Read, change and write a state document under its lock; no race is ever lost."""
        from mgov.store.state import update_state

        return update_state(self, key, change, ttl_s=ttl_s)

    def changes(self, after: "str | None" = None) -> "Iterator[Change]":
        """The intent changes after `after`, oldest first."""
        from mgov.store.log import Log

        try:
            yield from Log(self.root).read(after, self.warn)
        except OSError as error:
            raise translate(error, f"cannot read the changes of {self.root.path}") from error

    def changes_back(self) -> "Iterator[Change]":
        """All kept intent changes, newest first."""
        from mgov.store.log import Log

        try:
            yield from Log(self.root).read_back(self.warn)
        except OSError as error:
            raise translate(error, f"cannot read the changes of {self.root.path}") from error

    def last_revision(self) -> str:
        """The revision of the newest logged change; '0' before the first."""
        from mgov.store.log import Log

        try:
            return str(Log(self.root).last())
        except OSError as error:
            raise translate(error, f"cannot read the changes of {self.root.path}") from error

    def earlier(self) -> "Earlier":
        """A reader of what intent keys held before a change of them, from the last copies of each file."""
        from mgov.store.earlier import Earlier

        return Earlier(self.root)


def _by_key(names: "list[str]") -> "list[str]":
    """The names among `names`, in the order of keys, where '/' follows a name; other files are not the store's."""
    return [name[:-1] for name in sorted(f"{name}/" for name in names if is_name(name))]
