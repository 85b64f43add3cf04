"""The live table of health --watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.cli.live import LiveScreen, next_look
from mgov.cli.rows import health_view
from mgov.cli.sweeping import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.cli.session import Session
    from mgov.governance.checked import Checked

_FOOT_LINES = 4                 # the head of the table, the foot, and a line above and below


class LiveTable(LiveScreen):
    """The newest results, the failing first: a table that is longer than the screen shows its beginning."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._results: Sequence[Checked] = ()
        self._left_s = 0.0

    def show(self, results: Sequence[Checked], left_s: float) -> None:
        """Draw `results`; the next ones are due in `left_s` seconds."""
        self._results, self._left_s = results, left_s
        self.draw()

    def text(self, *, is_last: bool) -> str:
        """The table and its foot."""
        ranked = sorted(self._results, key=lambda result: not result.is_failing)
        room = max(1, self.height - _FOOT_LINES)
        text = self._session.out.render(health_view(ranked[:room], self._session.clock.now()))
        more = f", {len(ranked) - room} more not shown" if len(ranked) > room else ""
        foot = f"{counted(self._results)}{more}"
        return f"{text}\n{foot}" if is_last or self._left_s <= 0 else f"{text}\n{foot}; {next_look(self._left_s)}"
