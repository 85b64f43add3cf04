"""A graph as the lines of a tree: each node under the first that leads to it, and only named where it comes again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgov.model.graph import Graph

MAX_DEPTH = 60                                  # of a tree that nobody bounded: deeper ones are wider than any screen
AGAIN, CYCLE, CUT = "again", "cycle", "cut"


class TreeLine(NamedTuple):
    """One line: `bars` says for each level above whether a line runs on there, the last of them whether more follow
    at this level. `parent` is '' at a root. `mark` says why nothing stands below although the node needs others:
    `again` (it stood above), `cycle` (it stands on the way down to here), `cut` (too deep), or ''."""

    name: str
    parent: str
    bars: tuple[bool, ...]
    mark: str = ""


def tree_lines(graph: Graph, roots: Sequence[str], depth: int | None = None) -> Iterator[TreeLine]:
    """The lines below `roots`, at most `depth` edges deep [60]."""
    most = MAX_DEPTH if depth is None else depth
    seen: set[str] = set()
    for root in roots:
        above: set[str] = set()
        waiting: list[TreeLine | str] = [TreeLine(root, "", ())]
        while waiting:
            line = waiting.pop()
            if isinstance(line, str):               # all below this one was told
                above.discard(line)
                continue
            targets = graph.targets(line.name)
            mark = CYCLE if line.name in above else AGAIN if line.name in seen else ""
            if not mark and len(line.bars) >= most:
                mark = CUT
            yield line._replace(mark=mark if targets else "")
            seen.add(line.name)
            if mark or not targets:
                continue
            above.add(line.name)
            waiting.append(line.name)
            for place, target in enumerate(reversed(targets)):
                waiting.append(TreeLine(target, line.name, (*line.bars, place > 0)))
