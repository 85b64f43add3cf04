"""Two branches that each made versions of one number, joined: one side keeps its numbers, byte for byte, and what the
other changed is made anew on top of the newest, as versions of their own.

git leaves both sides in one file, so both are known whole, with their checksums. Where versions follow that only one
side made, the side that they came from keeps its numbers; else ours does, the branch that was merged into. Where both
changed one key, what is made anew wins, and it is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import StoreDamaged
from mgov.formats.conflict import is_conflict, sides
from mgov.model.config import BASE, NO_VERSION, Version, from_value, number_of, to_value, version_key
from mgov.model.key import format_key
from mgov.model.rebase import rebased
from mgov.model.record import NamedTuple
from mgov.model.setting import checksum, differences, is_same
from mgov.store.base import Change
from mgov.store.codec import etag
from mgov.store.folder import read_file
from mgov.store.layout import Place, place_of
from mgov.store.plan import FileChange, Plan
from mgov.store.versions import key_of, parse, to_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.model.config import Path, Values
    from mgov.store.root import Root

REMEDY = "mgov store repair --renumber"


class Split(NamedTuple):
    """A file that holds two versions: its bytes as git left them, and each side's bytes with the version in them."""

    place: Place
    data: bytes
    ours: tuple[bytes, Version]
    theirs: tuple[bytes, Version]


class Joined(NamedTuple):
    """How the versions of one environment are joined: what is written, and what that is in words, by file."""

    plan: Plan
    splits: list[Split]
    done: str


def holds_two(root: Root, place: Place) -> bool:
    """Whether git left two versions in a version's file."""
    data = _read(root, place)
    return data is not None and is_conflict(data)


def joined(root: Root, places: Sequence[Place], last: int, actor: str, now: float) -> Joined:
    """The plan that joins the versions of one environment, at `places` in order, of which some hold two.

    Raise StoreDamaged where a side is not whole, UsageError where what they make together is too large.
    """
    splits = [_split(place, data) for place in places if (data := _read(root, place)) is not None and is_conflict(data)]
    first, final = splits[0].ours[1].number, splits[-1].ours[1].number
    later = [version for place in places if (version := _version(root, place, above=final)) is not None]
    ancestor = _version(root, place_of(f"{key_of(splits[0].place).rpartition('/')[0]}/{first - 1:06d}"))
    kept, others = _ordered(splits, later)
    newest = later[-1] if later else kept[-1][1]
    made, clashes = _made_anew([version for _, version in others], ancestor.values if ancestor else {}, newest)
    files: list[tuple[str, bytes | None, bytes, str]] = [
        (key_of(split.place), split.data, data, "update") for split, (data, _) in zip(splits, kept, strict=True)
    ]
    service, environment = key_of(splits[0].place).split("/")[1:3]
    for version in made:
        key = version_key(service, environment, version.number)
        data = to_bytes(key, to_value(version), last + len(files) + 1)
        files.append((key, None, data, "create"))
    return Joined(_plan(files, last, actor, now), splits, _in_words(environment, made, clashes))


def _ordered(
    splits: Sequence[Split], later: Sequence[Version]
) -> tuple[list[tuple[bytes, Version]], list[tuple[bytes, Version]]]:
    """The side that keeps its numbers, and the other."""
    ours, theirs = [split.ours for split in splits], [split.theirs for split in splits]
    if later and _distance(theirs[-1][1], later[0]) < _distance(ours[-1][1], later[0]):
        return theirs, ours
    return ours, theirs


def _distance(before: Version, after: Version) -> tuple[int, bool]:
    return len(differences(before.values, after.values)), before.base > after.base


def _made_anew(branch: Sequence[Version], ancestor: Values, newest: Version) -> tuple[list[Version], list[Path]]:
    """The versions of `branch`, which began from `ancestor`, on top of `newest`; what changes nothing is none."""
    made: list[Version] = []
    clashes: list[Path] = []
    for version in branch:
        values, both = rebased(ancestor, version.values, newest.values)
        ancestor = version.values
        base = max(version.base, newest.base)
        if is_same(values, newest.values) and base == newest.base:
            continue
        newest = version._replace(
            number=newest.number + 1, values=values, checksum=checksum(values), base=base,
            message=f"{version.message} (was {version.number} on another branch)".lstrip(),
        )
        made.append(newest)
        clashes += both
    return made, clashes


def _in_words(environment: str, made: Sequence[Version], clashes: Sequence[Path]) -> str:
    if not made:
        return "one side was kept, the other changes nothing more"
    numbers = ", ".join(str(version.number) for version in made)
    done = f"one side was kept, what the other changed is version {numbers}"
    if clashes:
        done += f"; both changed {', '.join(dict.fromkeys(map(format_key, clashes)))}, the newest counts"
    if environment == BASE:
        done += "; environments take it with their next version"
    return done


def _plan(files: Sequence[tuple[str, bytes | None, bytes, str]], last: int, actor: str, now: float) -> Plan:
    changes = [
        FileChange(place_of(key), last + i, before, after, is_before_good=False)
        for i, (key, before, after, _) in enumerate(files, 1)
    ]
    lines = [
        (Change(str(last + i), key, action, "repair", actor, now), etag(after))
        for i, (key, _, after, action) in enumerate(files, 1)
    ]
    return Plan(changes, lines)


def _split(place: Place, data: bytes) -> Split:
    found = sides(data)
    if found is None:
        raise StoreDamaged(f"{place.path}: git's marks in it are not in their order",
                           hint="keep one side: git checkout --ours or --theirs FILE")
    key = key_of(place)
    ours, theirs = ((side, from_value(parse(key, side).value, place.path)) for side in found)
    return Split(place, data, ours, theirs)


def _version(root: Root, place: Place, above: int = NO_VERSION) -> Version | None:
    """The version at `place` if it is there, whole, and of a higher number than `above`."""
    key = key_of(place)
    try:
        data = _read(root, place)
        if data is None or number_of(key) <= above:
            return None
        return from_value(parse(key, data).value, place.path)
    except StoreDamaged:
        return None


def _read(root: Root, place: Place) -> bytes | None:
    try:
        return read_file(root, place.folder, place.name)
    except OSError:                             # what is wrong with it is said where versions are mended
        return None
