"""What intent keys held before a change of them, from the last good copies.

A file keeps its last 20 versions, each named by the last revision of the commit that wrote it. So what a key held
before its change N is in the newest copy below N: the commit's own copy has N or more. A copy that is not whole
counts as not kept; an older one is never taken in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import Compacted
from mgov.store import definitions, history, policies
from mgov.store.base import Document, revision_order
from mgov.store.codec import to_document, unpack
from mgov.store.layout import POLICY, place_of
from mgov.store.root import translate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.store.layout import Place
    from mgov.store.root import Root


class Earlier:
    """Reads copies, each once: a commit of a thousand instances of one service needs one."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._copies: dict[Place, list[history.Copy]] = {}
        self._documents: dict[tuple[Place, int], Mapping[str, Document]] = {}

    def read(self, key: str, revision: str) -> Document | None:
        """The document just before its change of `revision`, None if it was deleted then.

        Raise Compacted where no copy reaches back that far, or it is damaged; StoreError where it cannot be read.
        """
        place, number = place_of(key), revision_order(revision)
        try:
            if place not in self._copies:
                self._copies[place] = history.copies(self._root, place)
            older = [copy for copy in self._copies[place] if copy.revision < number]
            if not older:
                raise Compacted(_lost(key, revision))
            mark = place, older[-1].revision
            if mark not in self._documents:
                self._documents[mark] = self._load(place, older[-1], _lost(key, revision))
        except OSError as error:
            raise translate(error, f"cannot read the copies of {self._root.path}/{place.path}") from error
        return self._documents[mark].get(key)

    def _load(self, place: Place, copy: history.Copy, lost: str) -> dict[str, Document]:
        if copy.etag == history.GONE:
            return {}
        data = history.load(self._root, place, copy)
        if data is None:
            raise Compacted(lost)
        path = f"{place.history}/{copy.name}"
        if place.is_toml:
            name = place.name.removesuffix(".toml")
            key = f"service/{name}"
            return {key: Document(key, definitions.parse(name, data, path), str(copy.revision))}
        if place.is_policy:
            return {POLICY: Document(POLICY, policies.parse(data, path), str(copy.revision))}
        return {key: to_document(key, entry) for key, entry in unpack(data, path).items()}


def _lost(key: str, revision: str) -> str:
    kept = f"a file has {history.KEPT_COPIES} copies at most"
    return f"what {key} was before revision {revision} is no longer kept: {kept}"
