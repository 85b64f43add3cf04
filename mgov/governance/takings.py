"""What was taken of each limit, as documents.

`limit/<s>` holds the TAT of each key that is not back at full burst, and the interval that they were counted with.
Beyond 1,000 keys it says no more than that it is split, and the keys lie in `limit-keys/<s>/<bucket>`, by the hash of
the key. All documents of a limit are written under one lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

from mgov.errors import Conflict
from mgov.model.limit import live, rescaled
from mgov.model.record import NamedTuple
from mgov.store.base import ABSENT, Write, value_of

if TYPE_CHECKING:
    from mgov.model.limit import LimitPolicy
    from mgov.store.base import Document, Store

SPLIT_ABOVE = 1000
BUCKETS = 1024                                  # a million keys are as many in each as one document holds unsplit


class Shelf(NamedTuple):
    """The document in which a key of the limit `name` belongs, as it was read; `is_bucket` where that is split."""

    name: str
    key: str
    document: Document | None
    is_bucket: bool

    def tats(self, policy: LimitPolicy, now_ns: int) -> dict[str, int]:
        """The keys in it, as `policy` counts them."""
        value = value_of(self.document)
        tats: dict[str, int] = value.get("tats", {})
        interval_ns = value.get("interval_ns", policy.interval_ns)
        return tats if interval_ns == policy.interval_ns else rescaled(tats, interval_ns, policy, now_ns)


class Takings:
    """The documents of all limits of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, name: str, rest: str) -> Shelf:
        """The shelf of one key, `rest` being what stands behind the limit's name."""
        root = self._store.read(f"limit/{name}")
        if not value_of(root).get("split"):
            return Shelf(name, f"limit/{name}", root, False)
        key = _bucket(name, rest)
        return Shelf(name, key, self._store.read(key), True)

    def shelves(self, name: str) -> list[Shelf]:
        """All shelves of a limit."""
        root = self._store.read(f"limit/{name}")
        if not value_of(root).get("split"):
            return [Shelf(name, f"limit/{name}", root, False)]
        return [Shelf(name, document.key, document, True) for document in self._store.scan(f"limit-keys/{name}/")]

    def keep(
        self, shelf: Shelf, rest: str, tat: int | None, tats: dict[str, int], policy: LimitPolicy, now_ns: int
    ) -> bool:
        """Write the shelf with this TAT of one key, without the keys at full burst; False when it was changed since."""
        left = live(tats, now_ns)
        left.pop(rest, None)
        if tat is not None:
            left[rest] = tat
        expect = shelf.document.revision if shelf.document is not None else ABSENT
        if len(left) > SPLIT_ABOVE and not shelf.is_bucket:
            writes = self._split(shelf.name, left, policy, expect)
        else:
            writes = [Write(shelf.key, _value(left, policy), expect)]
        try:
            self._store.write_many(writes, operation="limit")
        except Conflict:
            return False
        return True

    def _split(self, name: str, tats: dict[str, int], policy: LimitPolicy, expect: str) -> list[Write]:
        # What says that it is split comes last: until then the one document counts, and the buckets that a killed
        # process leaves behind are written over by the next one.
        buckets: dict[str, dict[str, int]] = {d.key: {} for d in self._store.scan(f"limit-keys/{name}/")}
        for rest, tat in tats.items():
            buckets.setdefault(_bucket(name, rest), {})[rest] = tat
        writes = [Write(key, _value(kept, policy)) for key, kept in sorted(buckets.items())]
        return [*writes, Write(f"limit/{name}", {"split": True}, expect)]

    def forget(self, name: str) -> None:
        """Give every key of a limit its full burst back: first the document that counts, then its buckets."""
        keys = [f"limit/{name}", *(document.key for document in self._store.scan(f"limit-keys/{name}/"))]
        self._store.write_many([Write(key, None) for key in keys], operation="limit")


def _value(tats: dict[str, int], policy: LimitPolicy) -> dict[str, Any] | None:
    return {"interval_ns": policy.interval_ns, "tats": tats} if tats else None


def _bucket(name: str, rest: str) -> str:
    return f"limit-keys/{name}/{crc32(rest.encode()) % BUCKETS:03x}"
