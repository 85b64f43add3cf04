"""The live screen of status --watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.cli.live import LiveScreen, next_look
from mgov.cli.statusview import status_screen

if TYPE_CHECKING:
    from mgov.cli.session import Session
    from mgov.governance.overview import Status


class LiveStatus(LiveScreen):
    """The newest status; ages go on between two looks."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._known: Status | None = None
        self._left_s = 0.0

    def show(self, known: Status, left_s: float) -> None:
        """Draw `known`; the next look is due in `left_s` seconds."""
        self._known, self._left_s = known, left_s
        self.draw()

    def text(self, *, is_last: bool) -> str:
        """The screen and its foot."""
        if self._known is None:
            return ""
        now = self._session.clock.now()
        text = status_screen(self._known, self._session.out, now=now).rstrip("\n")
        return text if is_last or self._left_s <= 0 else f"{text}\n\n{next_look(self._left_s)}"
