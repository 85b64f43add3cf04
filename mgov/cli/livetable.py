"""The live table of health --watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.cli.causes import cause_lines, suspicion_of
from mgov.cli.live import LiveScreen, next_look
from mgov.cli.past import history_of
from mgov.cli.rows import health_view
from mgov.cli.sweeping import counted, status_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.cli.session import Session
    from mgov.governance.checked import Checked

_FOOT_LINES = 4                 # the head of the table, the foot, and a line above and below
_CAUSE_LINES = 6                # of what fails first: the table matters more


class LiveTable(LiveScreen):
    """The newest results, the failing first, and under them the cause: a table that is longer than the screen shows its
    beginning."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._results: Sequence[Checked] = ()
        self._left_s = 0.0
        self._causes: list[str] = []
        self._history_of = history_of(session)

    def show(self, results: Sequence[Checked], left_s: float) -> None:
        """Draw `results`; the next ones are due in `left_s` seconds."""
        if results is not self._results:
            self._causes = self._causes_of(results)
            self._history_of = history_of(self._session)        # read from the store once a look, not at each tick
        self._results, self._left_s = results, left_s
        self.draw()

    def text(self, *, is_last: bool) -> str:
        """The table, what fails first, and the foot."""
        out = self._session.out
        ranked = sorted(self._results, key=lambda result: not result.is_failing)
        causes = self._causes if is_last else self._causes[: max(0, min(_CAUSE_LINES, self.height // 3))]
        room = max(1, self.height - _FOOT_LINES - len(causes))
        text = out.render(health_view(ranked[:room], self._session.clock.now(), self._history_of))
        more = f", {len(ranked) - room} more not shown" if len(ranked) > room else ""
        foot = "\n".join([*map(out.shown, causes), f"{counted(self._results)}{more}"])
        return f"{text}\n{foot}" if is_last or self._left_s <= 0 else f"{text}\n{foot}; {next_look(self._left_s)}"

    def _causes_of(self, results: Sequence[Checked]) -> list[str]:
        if not status_of(results):
            return []
        suspicion = suspicion_of(results)
        return [*([suspicion] if suspicion else []), *cause_lines(self._session, results)]
