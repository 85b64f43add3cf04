"""What --watch draws on a terminal: on the alternate screen while it lasts, its last state on the screen when it ends.

A terminal that is made narrower wraps again what its main screen shows, and no program can know which lines that
made; the alternate screen is only cut. So it is drawn there, anew at each change of size.
"""

from __future__ import annotations

import io
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from mgov.model.units import format_duration

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from mgov.cli.session import Session


class LiveScreen:
    """A context: `draw` draws what `text` gives, `hide` gives the main screen back until the next `draw`.

    What is said on stderr meanwhile would be painted over: it is kept, and told, each line once, when the screen goes.
    """

    def __init__(self, session: Session) -> None:
        from rich.console import Console
        from rich.live import Live

        self._session = session
        self._console = Console(file=session.out.stdout, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._is_drawing = False
        self._was_drawn = False
        self._is_stop_due = False
        self._stderr = session.out.stderr
        self._said = io.StringIO()
        self._before: dict[signal.Signals, Any] = {}

    def text(self, *, is_last: bool) -> str:
        """What the screen shows, without the newline at its end; `is_last` for what stays when all is over."""
        raise NotImplementedError

    @property
    def height(self) -> int:
        """The lines of the terminal."""
        return self._console.size.height

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, self._on_resize)
            if signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:      # without job control it is ignored
                self._before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._on_stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.hide()
        if self._was_drawn:
            self._session.out.write(self.text(is_last=True) + "\n")

    def draw(self) -> None:
        """Draw it as it is now."""
        from rich.text import Text

        self._is_drawing = self._was_drawn = True
        try:
            if not self._live.is_started:
                self._live.start()
                self._session.out.stderr = self._said
            text = self.text(is_last=False)
            self._live.update(Text.from_ansi(text, no_wrap=True, overflow="crop"), refresh=True)
        finally:
            self._is_drawing = False
        if self._is_stop_due:
            self._stop()

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

    def _on_resize(self, _number: int, _frame: object) -> None:
        # Also in the middle of a sweep. While one is drawn, the next tick draws again.
        if self._live.is_started and not self._is_drawing:
            self.draw()

    def _on_stop(self, _number: int, _frame: object) -> None:
        self._is_stop_due = True
        if not self._is_drawing:
            self._stop()

    def _stop(self) -> None:
        """Stop as Ctrl-Z asks: the shell gets its own screen back, and ours is drawn again when `fg` lets us go on."""
        self._is_stop_due = False
        is_shown = self._live.is_started
        self.hide()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._on_stop)
        if is_shown:
            self.draw()


def next_look(left_s: float) -> str:
    """What stands at the foot while it goes on."""
    return f"next look in {format_duration(round(left_s) or 1)}, Ctrl-C ends"
