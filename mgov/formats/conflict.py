"""A file in which git could not join two branches: what each of them holds.

git-merge(1), "How conflicts are presented": `<<<<<<<` begins what our side says, `|||||||` what both began from (in the
styles diff3 and zdiff3), `=======` what the other says, and `>>>>>>>` ends it; seven signs, then a space and a name.
"""

from __future__ import annotations

_OURS, _BEFORE, _THEIRS, _END = b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>"
_NEXT = {_OURS: (_BEFORE, _THEIRS), _BEFORE: (_THEIRS,), _THEIRS: (_END,), _END: (_OURS,)}


def is_conflict(data: bytes) -> bool:
    """Whether git left the marks of two branches in it."""
    return any(line.startswith(_OURS + b" ") for line in data.split(b"\n"))


def sides(data: bytes) -> tuple[bytes, bytes] | None:
    """(ours, theirs), each whole; None where the marks are none, or not in their order."""
    ours, theirs = [], []
    state = _END
    for line in data.splitlines(keepends=True):
        mark = _mark(line)
        if mark is not None:
            if mark not in _NEXT[state]:
                return None
            state = mark
            continue
        if state in (_OURS, _END):
            ours.append(line)
        if state in (_THEIRS, _END):
            theirs.append(line)
    return (b"".join(ours), b"".join(theirs)) if state == _END and is_conflict(data) else None


def _mark(line: bytes) -> bytes | None:
    sign, behind = line[:7], line[7:8]
    return sign if sign in _NEXT and behind in (b" ", b"\n", b"\r", b"") else None
