"""Regular expressions whose time is linear in the text, so that neither a pattern nor a page can hang a sweep.

They are RE2's (github.com/google/re2/wiki/Syntax): no backreferences, no lookaround. A search costs at most the length
of the text times that of the compiled pattern, and both are bounded: a fifth of a second at the very worst.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mgov.errors import UsageError

if TYPE_CHECKING:
    from typing import Protocol

    class Pattern(Protocol):
        """A compiled pattern."""

        def search(self, text: str) -> object:
            """The first match, or None."""


MAX_INSTRUCTIONS = 1000                 # of the compiled pattern; the text is at most 64 KiB
_NOT_LINEAR = ("=", "!", "<=", "<!", "P=")      # what follows `(?` in lookaround and named backreferences


class BadPattern(Exception):
    """A pattern is refused: `at` is the index of what is wrong in it, `reason` says it."""

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(reason)
        self.at = at
        self.reason = reason


class EngineMissing(UsageError):
    """Patterns cannot be used on this machine, which is nobody's fault but its own: no target is judged by that."""


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Pattern:
    """The compiled `text`; raise BadPattern, or EngineMissing: the engine is imported when first used."""
    try:
        import re2
    except ImportError:
        raise EngineMissing("this expectation has a pattern, and patterns need an extra",
                            hint="pip install 'mgov[regex]'") from None
    options = re2.Options()
    options.log_errors = False          # it would write to stderr by itself
    try:
        pattern: Pattern = re2.compile(text, options)
    except UnicodeEncodeError as error:
        raise BadPattern(error.start, "half of a surrogate pair is no character") from None
    except re2.error as error:
        raise _refusal(text, error) from None
    if pattern.programsize > MAX_INSTRUCTIONS:      # type: ignore[attr-defined]
        raise BadPattern(0, f"the pattern is too large: {pattern.programsize} instructions"  # type: ignore[attr-defined]
                            f" of at most {MAX_INSTRUCTIONS}")
    return pattern


def is_found(pattern: str, text: str) -> bool:
    """Whether `pattern`, which has been compiled before, matches anywhere in `text`."""
    return compile_pattern(pattern).search(text.encode("utf-8", "replace").decode()) is not None


def _refusal(pattern: str, error: Exception) -> BadPattern:
    """RE2 says `what is wrong: fragment`; where the fragment stands is for us to find."""
    said = error.args[0] if error.args else ""
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    reason, _, fragment = words.partition(": ")
    at = max(0, pattern.find(fragment)) if fragment else len(pattern) - 1
    if fragment == "(?P" or fragment.startswith("(?"):
        at = next((i for mark in _NOT_LINEAR if (i := pattern.find(f"(?{mark}")) >= 0), at)
        reason = "lookaround and backreferences take more than linear time, and are not offered"
    elif reason == "invalid escape sequence" and fragment[1:2].isdigit():
        reason = "backreferences take more than linear time, and are not offered"
    elif fragment:
        reason = f"{reason}: {fragment}"
    return BadPattern(max(0, at), reason)
