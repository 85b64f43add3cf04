"""Versions by SemVer 2.0, and the ranges that `discover --version` takes.

A range is one or more terms, all of which must hold, apart by commas or spaces:

    2  2.x  2.1   that and everything below it         ^2  ^1.4.2   no change in the leftmost number that is not 0
    1.2.3  =1.2.3 just that                            ~1.4  ~1     no change in the minor (or the only) number
    >=2  >2  <3  <=2.4                                 !=1.3.0  !=1.3
    *             every release                        main  2026-11-01   just that text

- A leading `v` is allowed on both sides; build metadata (`+...`) is ignored (SemVer section 10).
- Numbers left out count as npm counts them: `>2` begins at 3.0.0, `<=2.4` ends before 2.5.0.
- A pre-release matches only if a term other than `!=` names a pre-release of the same major.minor.patch, as npm has
  it: `>=2.0.0-rc.1` takes 2.0.0-rc.2 and 2.4.0, but not 2.4.0-beta; who opts into one preview does not want them all.
- A version that is not SemVer has no order: it is equal to a term's text or it is not. So `1.4` as a version matches
  the range `1.4`, and `main` matches `main`, `!=dev` and `!=1.3.0`, but neither `*` nor `>=1`.
- An empty version is unknown and matches nothing.
"""

from mgov.errors import UsageError
from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

Rank = tuple[tuple[int, int, str], ...]
_DIGITS = frozenset("0123456789")
_WORD = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-")
_WILDCARDS = ("x", "X", "*")
_OPERATORS = ("!=", ">=", "<=", "==", ">", "<", "=", "^", "~")
_SIGNS = frozenset("!<>=^~|")                   # never part of a version
MAX_CHARS = 256
_RELEASE: "Rank" = ((2, 0, ""),)
_LOWEST: "Rank" = ()     # before every pre-release of its core


class Version(NamedTuple):
    """A SemVer version without its build metadata; compares by precedence (SemVer section 11).

    `rank` orders pre-releases of one core: a number before a word, fewer identifiers before more, a release last.
    """

    major: int
    minor: int = 0
    patch: int = 0
    rank: "Rank" = _RELEASE

    @property
    def is_prerelease(self) -> bool:
        """Whether it names a pre-release."""
        return self.rank != _RELEASE

    @property
    def core(self) -> "tuple[int, int, int]":
        """Major, minor and patch."""
        return self.major, self.minor, self.patch


_NOWHERE = Version(0, 0, 0, _LOWEST)             # from here to here lies no version


class Term(NamedTuple):
    """One condition: from `low` (included) to `high` (excluded), None for no bound; or, negated, outside of it.

    `text` is what a version that is not SemVer is compared with, None where only an order would make sense.
    """

    text: "str | None"
    low: "Version | None"
    high: "Version | None"
    is_negated: bool = False
    names: "Version | None" = None

    def holds(self, version: Version) -> bool:
        """Whether `version` is in it by precedence alone."""
        inside = (self.low is None or version >= self.low) and (self.high is None or version < self.high)
        return inside != self.is_negated

    def holds_text(self, version: str) -> bool:
        """Whether `version`, which has no order, is in it."""
        return self.text is not None and (self.text == version) != self.is_negated

    def admits(self, version: Version) -> bool:
        """Whether it asks for pre-releases of the core of `version`."""
        named = self.names
        return named is not None and not self.is_negated and named.is_prerelease and named.core == version.core


class Range(NamedTuple):
    """The terms of a range, and the text they were read from."""

    text: str
    terms: "tuple[Term, ...]"

    def matches(self, version: str) -> bool:
        """Whether an instance with this `version` is meant; see the rules at the head of this file."""
        if not version:
            return False
        parsed = parse_version(version)
        if parsed is None:
            return all(term.holds_text(version) for term in self.terms)
        if parsed.is_prerelease and not any(term.admits(parsed) for term in self.terms):
            return False
        return all(term.holds(parsed) for term in self.terms)


def parse_version(text: str) -> "Version | None":
    """The version that `text` states by SemVer 2.0, with or without a leading `v`; None if it states none."""
    if len(text) > MAX_CHARS:
        return None
    core, rank = _split(text)
    numbers = [n for n in map(_number, core.split(".")) if n is not None]
    if rank is None or len(numbers) != 3 or core.count(".") != 2:
        return None
    return _version(numbers, rank)


def parse_range(text: str) -> Range:
    """The range that `text` states; raise UsageError with the column, counted from 1, of what is wrong."""
    if len(text) > MAX_CHARS:
        raise UsageError(f"a version range has at most {MAX_CHARS} characters, not {len(text)}")
    terms: list[Term] = []
    words: list[int] = []                       # where terms stand that are only text
    at, wants_term = _skip(text, 0), True
    while at < len(text):
        if text[at] == ",":
            if wants_term:
                _fail(text, at, "a version is missing before the comma")
            at, wants_term = _skip(text, at + 1), True
            continue
        term, end = _read_term(text, at)
        if term.low == _NOWHERE and not term.is_negated:
            words.append(at)
        terms.append(term)
        at, wants_term = _skip(text, end), False
    if wants_term:
        _fail(text, len(text), "a version is missing")
    if words and len(terms) > 1:
        _fail(text, words[0], "this is not a SemVer version, so it can only stand alone or behind !=")
    return Range(text, tuple(terms))


def _read_term(text: str, at: int) -> "tuple[Term, int]":
    operator = next((o for o in _OPERATORS if text.startswith(o, at)), "")
    start = _skip(text, at + len(operator)) if operator else at
    end = start
    while end < len(text) and text[end] not in _SIGNS and text[end] != "," and not text[end].isspace():
        end += 1
    if end < len(text) and text[end] in _SIGNS:
        _fail(text, end, "there is no 'or' in a range" if text[end] == "|" else f"{text[end]!r} cannot stand here")
    word = text[start:end]
    if not word:
        _fail(text, start, f"a version is missing after {operator}")
    found = _partial(word)
    if found is not None and (found[0] or not operator):
        return _term(operator, word, *found), end
    if found is not None:
        _fail(text, start, f"{operator} needs a number")
    if "*" in word:
        _fail(text, start + word.index("*"), "a wildcard takes the place of a whole number, at the end")
    if operator not in ("", "=", "==", "!="):
        _fail(text, start, f"{word!r} is not a SemVer version, so nothing is {operator} it")
    return Term(word, _NOWHERE, _NOWHERE, operator == "!="), end


def _term(operator: str, word: str, numbers: "tuple[int, ...]", rank: "Rank") -> Term:
    """The term of `operator` over a version of which `numbers` are stated, three when it is whole."""
    if not numbers:
        return Term(word, None, None)
    stated = _version(numbers, rank)
    is_whole = len(numbers) == 3
    beyond = stated._replace(rank=(*rank, (-1, 0, ""))) if is_whole else _next(numbers)
    names = stated if is_whole else None
    if operator == "^":
        first = next((i for i, n in enumerate(numbers) if n), len(numbers) - 1)
        return Term(None, stated, _next(numbers[: first + 1]), names=names)
    if operator == "~":
        return Term(None, stated, _next(numbers[:2]), names=names)
    if operator == ">=":
        return Term(None, stated, None, names=names)
    if operator == ">":
        return Term(None, beyond if is_whole else beyond._replace(rank=_RELEASE), None, names=names)
    if operator == "<":
        return Term(None, None, stated if is_whole else stated._replace(rank=_LOWEST), names=names)
    if operator == "<=":
        return Term(None, None, beyond, names=names)
    return Term(word, stated, beyond, operator == "!=", names)


def _version(numbers: "Sequence[int]", rank: "Rank") -> Version:
    major, minor, patch = (*numbers, 0, 0)[:3]
    return Version(major, minor, patch, rank)


def _next(numbers: "tuple[int, ...]") -> Version:
    """Where the versions that begin with `numbers` end: before the first pre-release of the next."""
    return _version((*numbers[:-1], numbers[-1] + 1), _LOWEST)


def _partial(word: str) -> "tuple[tuple[int, ...], Rank] | None":
    """The numbers that `word` states before it ends or goes on in wildcards, and its rank; None if it is no version."""
    core, rank = _split(word)
    parts = core.split(".")
    stated = parts
    while stated and stated[-1] in _WILDCARDS:
        stated = stated[:-1]
    numbers = tuple(n for n in map(_number, stated) if n is not None)
    if rank is None or len(parts) > 3 or len(numbers) < len(stated):
        return None
    is_whole = len(numbers) == 3
    return (numbers, rank) if is_whole or word.removeprefix("v") == core else None


def _split(text: str) -> "tuple[str, Rank | None]":
    """Core and rank of `text`; no rank if its pre-release or build metadata is not SemVer."""
    plain, has_build, build = text.removeprefix("v").partition("+")
    core, has_prerelease, prerelease = plain.partition("-")
    if has_build and not all(part and _WORD.issuperset(part) for part in build.split(".")):
        return core, None
    return core, _rank(prerelease) if has_prerelease else _RELEASE


def _rank(prerelease: str) -> "Rank | None":
    rank: list[tuple[int, int, str]] = []
    for part in prerelease.split("."):
        number = _number(part)
        if not part or not _WORD.issuperset(part) or (number is None and _DIGITS.issuperset(part)):
            return None
        rank.append((1, 0, part) if number is None else (0, number, ""))
    return tuple(rank)


def _number(text: str) -> "int | None":
    """The number, None if there is none or it begins with a needless 0 (SemVer section 2)."""
    if not text or not _DIGITS.issuperset(text) or (text[0] == "0" and text != "0"):
        return None
    return int(text)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _fail(text: str, at: int, why: str) -> "NoReturn":
    raise UsageError(
        f"version range {text!r}, column {at + 1}: {why}", hint="write it like ^2, ~1.4, 2.x, 1.2.3 or '>=2,<3'"
    )
