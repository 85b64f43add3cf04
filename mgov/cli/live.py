"""The live table of health --watch: on the alternate screen while it lasts, its last state on the screen when it ends.

A terminal that is made narrower wraps again what its main screen shows, and no program can know which lines that
made; the alternate screen is only cut. So the table is drawn there, anew at each change of size.
"""

from __future__ import annotations

import io
import signal
import threading
from typing import TYPE_CHECKING, Any

from mgov.cli.rows import health_view
from mgov.cli.sweeping import counted
from mgov.model.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from mgov.cli.session import Session
    from mgov.governance.checked import Checked

_FOOT_LINES = 4                 # the head of the table, the foot, and a line above and below


class LiveTable:
    """A context: `show` draws, `hide` gives the main screen back until the next `show`.

    What is said on stderr meanwhile would be painted over: it is kept, and told, each line once, when the table goes.
    """

    def __init__(self, session: Session) -> None:
        from rich.console import Console
        from rich.live import Live

        self._session = session
        self._console = Console(file=session.out.stdout, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._results: Sequence[Checked] | None = None
        self._left_s = 0.0
        self._is_drawing = False
        self._stderr = session.out.stderr
        self._said = io.StringIO()
        self._on_resize_before: Any = None

    def __enter__(self) -> LiveTable:
        if threading.current_thread() is threading.main_thread():
            self._on_resize_before = signal.signal(signal.SIGWINCH, self._on_resize)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._on_resize_before is not None:
            signal.signal(signal.SIGWINCH, self._on_resize_before)
        self.hide()
        if self._results is not None:
            self._session.out.write(self._text(left_s=0.0) + "\n")

    def show(self, results: Sequence[Checked], left_s: float) -> None:
        """Draw `results`; the next ones are due in `left_s` seconds."""
        self._results, self._left_s = results, left_s
        self._draw()

    def hide(self) -> None:
        """Leave the alternate screen, and tell what was said since it was entered."""
        if not self._live.is_started:
            return
        self._live.stop()
        out = self._session.out
        out.stderr = self._stderr
        if self._stderr is not None:
            self._stderr.write("".join(dict.fromkeys(self._said.getvalue().splitlines(keepends=True))))
            self._stderr.flush()
        self._said = io.StringIO()

    def _draw(self) -> None:
        from rich.text import Text

        self._is_drawing = True
        try:
            if not self._live.is_started:
                self._live.start()
                self._session.out.stderr = self._said
            text = self._text(left_s=self._left_s)
            self._live.update(Text.from_ansi(text, no_wrap=True, overflow="crop"), refresh=True)
        finally:
            self._is_drawing = False

    def _on_resize(self, _number: int, _frame: object) -> None:
        # Also in the middle of a sweep. While one is drawn, the next tick draws again.
        if self._live.is_started and not self._is_drawing:
            self._draw()

    def _text(self, *, left_s: float) -> str:
        # The failing come first, for a table that is longer than the screen shows its beginning.
        results = self._results or ()
        ranked = sorted(results, key=lambda result: not result.is_failing)
        room = max(1, self._console.size.height - _FOOT_LINES)
        text = self._session.out.render(health_view(ranked[:room], self._session.clock.now()))
        more = f", {len(ranked) - room} more not shown" if len(ranked) > room else ""
        foot = f"{counted(results)}{more}"
        if left_s > 0:
            foot += f"; next look in {format_duration(round(left_s) or 1)}, Ctrl-C ends"
        return f"{text}\n{foot}"
